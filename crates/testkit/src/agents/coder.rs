//! The coder: edits, commits, tests and reports; once it lies, once it is careless, once it dies.

use super::lane::{Lane, TESTS};
use super::part::Part;
use super::{die, lie};
use crate::{Error, Result};

/// Returns a file of the demo's site.
macro_rules! site {
    ($path:literal) => {
        include_str!(concat!("../../site/", $path))
    };
}

/// One version of a part's work.
struct Version {
    files: &'static [(&'static str, &'static str)],
    subject: &'static str,
    risk: &'static str,
}

const REDESIGN: Version = Version {
    files: &[
        ("web/index.html", site!("redesign/web/index.html")),
        ("web/style.css", site!("redesign/web/style.css")),
        ("tests/redesign.test.sh", site!("redesign/tests/redesign.test.sh")),
    ],
    subject: "page: one promise, one search, harbours as cards",
    risk: "low: browsers older than 2024 do not know light-dark() and show no colours",
};

const FILTER_CARELESS: Version = Version {
    files: &[
        ("web/app.js", site!("filter/web/app.js.flawed")),
        ("tests/filter.test.sh", site!("filter/tests/filter.test.sh")),
    ],
    subject: "page: harbours are filtered by the name in the address",
    risk: "low: without the script every harbour is shown",
};

const FILTER: Version = Version {
    files: &[
        ("web/app.js", site!("filter/web/app.js.mended")),
        ("tests/filter.test.sh", site!("filter/tests/filter-mended.test.sh")),
    ],
    subject: "page: what a guest typed is text, never markup",
    ..FILTER_CARELESS
};

const LONG_STAY_WRONG: Version = Version {
    files: &[
        ("bin/price", site!("long-stay/bin/price.wrong")),
        ("tests/long-stay.test.sh", site!("long-stay/tests/long-stay.test.sh")),
    ],
    subject: "price: every seventh night is free",
    risk: "none known",
};

const LONG_STAY: Version = Version {
    files: &[
        ("bin/price", site!("long-stay/bin/price.right")),
        ("tests/long-stay.test.sh", site!("long-stay/tests/long-stay.test.sh")),
    ],
    subject: "price: the free night is the seventh, not the sixth",
    risk: "low: stays of a week and more cost less than before, as asked",
};

const HOURS_BEGUN: Version = Version {
    files: &[("bin/hours", site!("hours/bin/hours"))],
    subject: "hours: the office's hours by month",
    risk: "",
};

const HOURS: Version = Version {
    files: &[
        ("bin/hours", site!("hours/bin/hours")),
        ("tests/hours.test.sh", site!("hours/tests/hours.test.sh")),
    ],
    subject: "hours: tests for every season",
    risk: "none known: nothing calls it yet",
};

const LEAFLET: Version = Version {
    files: &[("docs/prices.md", site!("leaflet/docs/prices.md"))],
    subject: "prices: the leaflet tells of the free nights",
    risk: "none: words only",
};

const ARRIVAL: Version = Version {
    files: &[("docs/arrival.md", site!("arrival/docs/arrival.md"))],
    subject: "arrival: a leaflet for guests who come by night",
    risk: "none: words only; nobody has called the number yet",
};

const ARRIVAL_ANEW: Version = Version {
    files: &[("docs/arrival.md", site!("arrival/docs/arrival-anew.md"))],
    subject: "arrival: shorter, the depth with its unit and its tide",
    risk: "none: words only",
};

/// Does the coder's work on `part`.
pub(super) fn code(lane: &Lane, part: Part) -> Result<()> {
    match part {
        Part::Redesign => deliver(lane, &REDESIGN, true),
        Part::Filter if is_sent_back(lane, "web/app.js", "URLSearchParams") => {
            answer(lane, "the note is set as text now, and a test says so")?;
            deliver(lane, &FILTER, true)
        }
        Part::Filter => deliver(lane, &FILTER_CARELESS, true),
        Part::LongStay if is_sent_back(lane, "bin/price", "Every seventh night") => {
            answer(lane, "one night in seven is free, and the tests were run this time")?;
            deliver(lane, &LONG_STAY, true)
        }
        Part::LongStay => {
            edit(lane, &LONG_STAY_WRONG)?;
            lane.say("claims that the tests pass, without running them");
            lie::claim_passed(TESTS)?;
            report(lane, &LONG_STAY_WRONG)
        }
        Part::Hours if !lane.git_holds(&["cat-file", "-e", "HEAD:bin/hours"]) => {
            edit(lane, &HOURS_BEGUN)?;
            lane.say("dies of a segmentation fault, half of the work done");
            die::by_segfault()
        }
        Part::Hours => deliver(lane, &HOURS, true),
        Part::Leaflet => deliver(lane, &LEAFLET, false),
        Part::Arrival if is_sent_back(lane, "docs/arrival.md", "") => {
            answer(lane, "written anew; a script cannot weigh what you said, so read it again")?;
            deliver(lane, &ARRIVAL_ANEW, false)
        }
        Part::Arrival => deliver(lane, &ARRIVAL, false),
        Part::Flag => fly(lane),
    }
}

/// Writes down what a person decided.
fn fly(lane: &Lane) -> Result<()> {
    let decided = lane.decided.as_deref().unwrap_or("not decided yet");
    lane.say("writes docs/flag.md");
    lane.write("docs/flag.md", &format!("# The flag\n\nFrom November to March: {decided}.\n"))?;
    lane.commit(&["docs/flag.md"], "flag: what flies over the office in winter")?;
    lane.mission(&["report", "evidence", "command", "--", TESTS])?;
    lane.mission(&["report", "evidence", "risk", "none: words only"])?;
    lane.mission(&["report", "done", "--summary", "the flag for the winter is written down"])
}

/// Returns whether an earlier round was delivered and found wanting: there are findings, and `file` holds the earlier work.
fn is_sent_back(lane: &Lane, file: &str, work: &str) -> bool {
    let committed = lane.git(&["show", &format!("HEAD:{file}")]);
    !lane.findings.is_empty() && committed.is_ok_and(|text| text.contains(work))
}

fn answer(lane: &Lane, text: &str) -> Result<()> {
    for finding in &lane.findings {
        lane.mission(&["report", "answer", finding, "fixed", text])?;
    }
    Ok(())
}

fn edit(lane: &Lane, version: &Version) -> Result<()> {
    for (file, text) in version.files {
        lane.say(&format!("writes {file}"));
        lane.write(file, text)?;
    }
    let files: Vec<&str> = version.files.iter().map(|(file, _)| *file).collect();
    lane.commit(&files, version.subject)
}

fn deliver(lane: &Lane, version: &Version, with_tests: bool) -> Result<()> {
    edit(lane, version)?;
    if with_tests {
        if !lane.shell(TESTS)? {
            return Err(Error::Unexpected(format!("`{TESTS}` fails in the workspace")));
        }
        lane.mission(&["report", "evidence", "command", "--", TESTS])?;
    }
    report(lane, version)
}

fn report(lane: &Lane, version: &Version) -> Result<()> {
    lane.mission(&["report", "evidence", "risk", version.risk])?;
    lane.mission(&["report", "done", "--summary", version.subject])
}
