//! Messages that a person takes back: what waits here is let go, what the program has or is being given stays.

use std::collections::VecDeque;

use mission_domain::ids::MessageId;

use crate::shim::answer::refused;
use crate::shim::child::Running;
use crate::shim::lane::Shim;
use crate::shim::typist::{Text, Typist};
use crate::shim_protocol::Reply;

impl Shim {
    /// Lets go of `messages`, all of them or none. They count as accepted from now on, so that no later frame brings them back.
    pub(super) fn take_back(&mut self, messages: &[MessageId]) -> Reply {
        let typist = self.running.as_mut().and_then(Running::typist);
        let typed = typist.map(Typist::not_begun);
        let mut queues: Vec<&mut VecDeque<Text>> =
            typed.into_iter().chain([&mut self.queue]).collect();
        let waits = |id: &MessageId| queues.iter().any(|queue| waits_in(queue, *id, messages));
        // The brief is one text: nothing is cut out of it.
        let is_in_brief = |id: &MessageId| self.spec.brief_messages.contains(id);
        let is_new = |id: &MessageId| !self.accepted.contains(id) || self.left.contains(id);
        let is_free = |id: &MessageId| !is_in_brief(id) && (is_new(id) || waits(id));
        if !messages.iter().all(is_free) {
            return refused("begun", "the program has it already, or is being given it");
        }
        queues.iter_mut().for_each(|queue| let_go(queue, messages));
        self.accepted.extend(messages);
        self.left.extend(messages);
        Reply::Ack { record: self.log.last() }
    }

    /// Takes those of `messages` that were let go of where they come again.
    pub(super) fn put_back(&mut self, messages: &[MessageId]) -> Reply {
        for id in messages {
            if self.left.remove(id) {
                self.accepted.remove(id);
            }
        }
        Reply::Ack { record: self.log.last() }
    }
}

/// Returns whether `id` waits in `queue`, in a text that holds nothing but `messages`; a text that nobody will be given holds none.
fn waits_in(queue: &VecDeque<Text>, id: MessageId, messages: &[MessageId]) -> bool {
    let is_whole = |it: &Text| it.messages.iter().all(|id| messages.contains(id));
    queue.iter().any(|it| it.messages.contains(&id) && (it.text.is_empty() || is_whole(it)))
}

fn let_go(queue: &mut VecDeque<Text>, messages: &[MessageId]) {
    queue.retain_mut(|text| {
        let is_ours = text.messages.is_empty();
        text.messages.retain(|id| !messages.contains(id));
        is_ours || !text.messages.is_empty()
    });
}
