//! One life of the process: a runtime, the real store and the controller over it, until it crashes.

use std::path::Path;
use std::sync::Arc;

use mission_control::{Control, HomePaths};
use mission_store::{Role, Store, open_sqlite};
use tokio::runtime::{Builder, Runtime};

use crate::fault::{FaultyStore, REQUEST, World};
use crate::stage::{StageClock, options};

/// Whose request it is that the store is changed for.
pub(crate) type Request = Option<(String, String)>;

/// A process that is alive.
pub(crate) struct Life {
    runtime: Runtime,
    control: Option<Control>,
    world: Arc<World>,
}

impl Life {
    /// Starts the process on `home`, and finds everything again.
    pub(crate) fn begin(home: &Path, clock: &Arc<StageClock>, world: &Arc<World>) -> Self {
        world.revive();
        // Nothing here listens or starts a process: a runtime without sockets wakes up faster.
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let control = runtime.block_on(async {
            let real = open_sqlite(home, Role::Controller).await.expect("the store opens again");
            let store = Arc::new(FaultyStore { real, world: world.clone() });
            let paths = HomePaths::new(home);
            let control = Control::open(paths, store, clock.clone(), options()).await;
            let control = control.expect("the controller opens again");
            control.load_fleet().await.expect("the fleet is found again");
            control
        });
        Self { runtime, control: Some(control), world: world.clone() }
    }

    /// Returns the controller.
    pub(crate) fn control(&self) -> Control {
        self.control.clone().expect("the process is alive")
    }

    /// Lets somebody ask, and returns the answer; nothing when the process died meanwhile.
    pub(crate) fn ask<T>(&self, request: Request, work: impl Future<Output = T>) -> Option<T> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.world.ends() => None,
                answer = REQUEST.scope(request, work) => Some(answer),
            }
        })
    }

    /// Looks at something, without any fault.
    pub(crate) fn look<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Returns the store.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        self.control().store().clone()
    }

    /// Ends the process as kill -9 does: whatever is in memory or under way is gone.
    pub(crate) fn dies(mut self) {
        let control = self.control.take();
        let guard = self.runtime.enter();
        drop(control);
        drop(guard);
        self.runtime.shutdown_background();
    }
}
