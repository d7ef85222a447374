//! What the home remembers of a runtime that fails.

use super::*;
use crate::principal::Principal;

/// Lets `command` take effect at `now`.
fn carries_out(home: &mut Home, command: HomeCommand, now: Timestamp) {
    let stamp = Stamp { at: now, by: Principal::Controller };
    for event in decide_home(home, command, now).expect("it is allowed") {
        // As the log keeps it.
        let kept = serde_json::to_string(&event).expect("it is written");
        apply_home(home, &serde_json::from_str(&kept).expect("it is read"), &stamp);
    }
}

fn forks(runtime: &RuntimeId) -> HomeCommand {
    let why = "`w.sh` ended with exit code 0 while `sleep` ran on".to_owned();
    HomeCommand::OpenBreaker { runtime: runtime.clone(), class: EndClass::Forked, why }
}

#[test]
fn a_runtime_whose_every_trial_fails_is_tried_some_fifty_times_a_day_and_remembers_since_when() {
    let (mut home, runtime) = (Home::default(), RuntimeId::new("mine"));
    let began: Timestamp = "2026-07-14T00:00:00Z".parse().expect("a moment");
    let (mut now, mut tries) = (began, 0);
    while now < began + jiff::SignedDuration::from_hours(24) {
        carries_out(&mut home, forks(&runtime), now);
        tries += 1;
        let breaker = &home.breakers[&runtime];
        assert_eq!((breaker.times, breaker.since), (tries, Some(began)));
        assert!(breaker.until > now);
        now = breaker.until;
    }
    assert_eq!(tries, 52);

    carries_out(&mut home, HomeCommand::CloseBreaker { runtime: runtime.clone() }, now);
    carries_out(&mut home, forks(&runtime), now);
    assert_eq!((home.breakers[&runtime].times, home.breakers[&runtime].since), (1, Some(now)));
}

#[test]
fn a_home_has_the_last_changes_of_who_may_come_in_at_hand() {
    let (mut home, began) = (Home::default(), "2026-07-14T00:00:00Z".parse().expect("a moment"));
    for number in 0..30 {
        let access = Access::Invited { name: format!("guest-{number}"), role: "viewer".into() };
        carries_out(&mut home, HomeCommand::RecordAccess { access }, began);
    }
    let told: Vec<String> = home.access.iter().map(|it| it.access.to_string()).collect();
    assert_eq!(told.len(), 20);
    assert_eq!(told[0], "invited guest-29 as viewer");
    assert_eq!((home.access[19].at, &home.access[19].by), (began, &Principal::Controller));
    let kept = serde_json::to_string(&Home::default()).expect("it is written");
    assert!(!kept.contains("access"), "homes without one are written as before: {kept}");
}

#[test]
fn what_somebody_has_seen_moves_on_alone_for_each_of_them_and_each_project() {
    let mut home = Home::default();
    let at = |hour: i64| {
        let began: Timestamp = "2026-07-14T00:00:00Z".parse().expect("a moment");
        began + jiff::SignedDuration::from_hours(hour)
    };
    let (mc, ex): (ProjectKey, ProjectKey) = ("MC".parse().unwrap(), "EX".parse().unwrap());
    let sees = |home: &mut Home, who: &str, project: Option<&ProjectKey>, until| {
        let (who, project) = (who.to_owned(), project.cloned());
        carries_out(home, HomeCommand::MarkSeen { who, project, until }, at(10));
    };
    let kept = serde_json::to_string(&home).expect("it is written");
    assert!(!kept.contains("seen"), "homes without one are written as before: {kept}");

    sees(&mut home, "person:ada", None, at(2));
    sees(&mut home, "person:ada", None, at(1));
    assert_eq!(home.seen_until("person:ada", None), Some(at(2)), "a late page unsees nothing");
    assert_eq!(home.seen_until("person:bob", None), None);
    sees(&mut home, "person:ada", Some(&mc), at(5));
    let of = |home: &Home, project| home.seen_until("person:ada", project);
    assert_eq!((of(&home, Some(&mc)), of(&home, Some(&ex))), (Some(at(5)), Some(at(2))));
    assert_eq!(of(&home, None), Some(at(2)), "of the others nothing more was seen");
    sees(&mut home, "person:ada", None, at(99));
    assert_eq!(of(&home, Some(&mc)), Some(at(10)), "nobody has seen what is to come");

    sees(&mut home, "person:ada", Some(&mc), at(9));
    let written = serde_json::to_string(&home).expect("it is written");
    assert_eq!(serde_json::from_str::<Home>(&written).expect("it is read"), home);
    let access = Access::PersonRemoved { name: "ada".into() };
    carries_out(&mut home, HomeCommand::RecordAccess { access }, at(11));
    assert_eq!(of(&home, None), None, "who comes under that name later has not looked");
}

#[test]
fn a_breaker_that_opened_before_its_beginning_was_noted_is_read_as_it_was() {
    let old = r#"{"type":"breaker_opened","body":{"runtime":"codex","class":"auth","why":"401","until":"2026-07-14T00:01:00Z"}}"#;
    let event: HomeEvent = serde_json::from_str(old).expect("it is read");
    let mut home = Home::default();
    let at = "2026-07-14T00:00:00Z".parse().expect("a moment");
    apply_home(&mut home, &event, &Stamp { at, by: Principal::Controller });
    assert_eq!(home.breakers[&RuntimeId::new("codex")].since, None);
    let kept = serde_json::to_string(&home).expect("it is written");
    assert!(!kept.contains("since"), "{kept}");
    assert_eq!(serde_json::from_str::<Home>(&kept).expect("it is read"), home);
}
