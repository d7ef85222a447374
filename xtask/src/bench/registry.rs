//! Every benchmark: what it is called, where it should be, how it is measured. To add one, write its function and a line here.

use anyhow::Result;

use super::{Aim, Samples, Setting, browser, cli, dispatch, inside, lanes, pages, resident};

/// One benchmark.
pub(super) struct Bench {
    /// Its name.
    pub(super) name: &'static str,
    /// Where it should be.
    pub(super) aim: Aim,
    /// What is measured, and how, in a sentence.
    pub(super) how: &'static str,
    /// Measures it.
    pub(super) measure: fn(&Setting) -> Result<Samples>,
}

/// Every benchmark, in the order of the table.
pub(super) const BENCHES: &[Bench] = &[
    Bench {
        name: "cli: ticket new",
        aim: Aim::median(10.0, "ms"),
        how: "wall time of the whole process, its start and a durable write included; no server is up",
        measure: cli::ticket_new,
    },
    Bench {
        name: "cli: ticket list",
        aim: Aim::median(10.0, "ms"),
        how: "the same, for a table of ten tickets",
        measure: cli::ticket_list,
    },
    Bench {
        name: "cli: ticket show",
        aim: Aim::median(10.0, "ms"),
        how: "the same, for one ticket with its gates",
        measure: cli::ticket_show,
    },
    Bench {
        name: "cli: list of 10,000",
        aim: Aim::median(60.0, "ms"),
        how: "the same, for the human table of 10,000 tickets",
        measure: cli::long_list,
    },
    Bench {
        name: "cli with a server: ticket new",
        aim: Aim::median(10.0, "ms"),
        how: "wall time of the whole process, which asks the server that is up; the write is durable",
        measure: cli::served_new,
    },
    Bench {
        name: "cli with a server: ticket list",
        aim: Aim::median(10.0, "ms"),
        how: "the same, for a table of ten tickets",
        measure: cli::served_list,
    },
    Bench {
        name: "cli with a server: ticket show",
        aim: Aim::median(10.0, "ms"),
        how: "the same, for one ticket with its gates",
        measure: cli::served_show,
    },
    Bench {
        name: "cli with a server: list of 10,000",
        aim: Aim::median(60.0, "ms"),
        how: "the same, for the human table of 10,000 tickets",
        measure: cli::served_long_list,
    },
    Bench {
        name: "ready → process started",
        aim: Aim::p99(50.0, "ms"),
        how: "from the request that unparks a ticket to the event that its agent's process runs, driver `exec`, confined, the workspace at hand; 20 tickets in turn, and the process is looked at",
        measure: dispatch::workspace_at_hand,
    },
    Bench {
        name: "filed → process started",
        aim: Aim::told("ms"),
        how: "from the request that files a ticket to the same event: what it takes longer is a new workspace (of a repository of 100 files)",
        measure: dispatch::new_workspace,
    },
    Bench {
        name: "plan over 10,000",
        aim: Aim::median(10.0, "ms"),
        how: "one plan over 10,000 tickets that are ready, with a free slot and no runtime that could take them",
        measure: inside::plan,
    },
    Bench {
        name: "rows written by 50 plans",
        aim: Aim::every(0.0, "rows"),
        how: "events in the log after 50 such plans less those before; the database's log file is unchanged too",
        measure: inside::plan_rows,
    },
    Bench {
        name: "claims",
        aim: Aim::median_rate(2000.0, "/s"),
        how: "durable claims in each half second: event, lease with a higher epoch and a 4 KB aggregate, one transaction each for its 64 writers, SQLite with `synchronous=FULL`",
        measure: inside::claims,
    },
    Bench {
        name: "last verdict, 10,000 waiting",
        aim: Aim::median(2.0, "ms"),
        how: "a person's verdict that passes a ticket's last gate, until it is durable, in a controller that holds 10,000 tickets",
        measure: inside::verdict,
    },
    Bench {
        name: "last verdict → done, 10,000 waiting",
        aim: Aim::told("ms"),
        how: "the same, with the plan over all tickets that follows and the event that ends the ticket",
        measure: inside::complete,
    },
    Bench {
        name: "rows compared after an update, 10,000 tickets",
        aim: Aim::told("ms"),
        how: "what the first start of another version adds where no row differs: every ticket, of one event, is replayed and compared with its rows",
        measure: inside::renew_none,
    },
    Bench {
        name: "rows written anew after an update, 10,000 tickets",
        aim: Aim::told("ms"),
        how: "the same where the rows of every ticket differ: 128 tickets in one transaction",
        measure: inside::renew_all,
    },
    Bench {
        name: "clean checkout of 5,000 files",
        aim: Aim::every(2_000.0, "ms"),
        how: "from the commit to a checkout proved to be that and nothing else, 10 MB in 50 folders, the repository in the system's cache; there is no pool",
        measure: inside::checkout,
    },
    Bench {
        name: "check with a known result",
        aim: Aim::every(100.0, "ms"),
        how: "git's word for the tree, the digest of all that a result depends on, and the signed record of the earlier run, verified",
        measure: inside::known_check,
    },
    Bench {
        name: "packet",
        aim: Aim::every(50.0, "ms"),
        how: "from its content to two files that are synced: the canonical text and the signed envelope, the key read from disk",
        measure: inside::packet,
    },
    Bench {
        name: "server: warm start",
        aim: Aim::median(100.0, "ms"),
        how: "from starting `mission up` in a home of 1,000 tickets to the answer of `/readyz`",
        measure: resident::warm_start,
    },
    Bench {
        name: "server: idle",
        aim: Aim::every(0.1, "%"),
        how: "of one core, server and runner together, over 5 s, 1,000 tickets, a board open in a browser, nothing changes",
        measure: resident::processor,
    },
    Bench {
        name: "server: wake-ups when idle",
        aim: Aim::told("/s"),
        how: "voluntary context switches of all their threads in the same time",
        measure: resident::wakes,
    },
    Bench {
        name: "server: memory",
        aim: Aim::every(40.0, "MB"),
        how: "resident memory of the server with 1,000 tickets after each kind of page was asked for",
        measure: resident::resident,
    },
    Bench {
        name: "board: bytes",
        aim: Aim::every(100.0, "kB"),
        how: "the board of 1,000 tickets on the wire with style, scripts and icons, less the fonts",
        measure: pages::board_size,
    },
    Bench {
        name: "board: time",
        aim: Aim::median(30.0, "ms"),
        how: "from asking for the board of 1,000 tickets to having it whole, compressed",
        measure: pages::board_time,
    },
    Bench {
        name: "change → open board",
        aim: Aim::p99(100.0, "ms"),
        how: "from the request that changes a ticket to the end of what an open board is sent",
        measure: pages::board_change,
    },
    Bench {
        name: "change → open board, bytes",
        aim: Aim::every(5.0, "kB"),
        how: "what it is sent",
        measure: pages::board_change_size,
    },
    Bench {
        name: "change → open ticket",
        aim: Aim::p99(100.0, "ms"),
        how: "the same for the open page of a ticket with 150 notes and 150 messages; notes, messages, parking and unparking in turn",
        measure: pages::ticket_change,
    },
    Bench {
        name: "change → open ticket, bytes",
        aim: Aim::every(5.0, "kB"),
        how: "what it is sent",
        measure: pages::ticket_change_size,
    },
    Bench {
        name: "browser: board of 1,000",
        aim: Aim::every(500.0, "ms"),
        how: "in Chromium with empty caches, in a tab that rested for a second, from the start of the navigation until all of the page is read and painted",
        measure: browser::thousand,
    },
    Bench {
        name: "browser: board of 1,000, whole",
        aim: Aim::every(500.0, "ms"),
        how: "the same openings, until its scripts ran too and what they changed is painted",
        measure: browser::thousand_whole,
    },
    Bench {
        name: "browser: board of 10,000",
        aim: Aim::every(1000.0, "ms"),
        how: "as of 1,000; a column shows its first cards and the number of the rest",
        measure: browser::ten_thousand,
    },
    Bench {
        name: "browser: board of 10,000, whole",
        aim: Aim::every(1000.0, "ms"),
        how: "the same openings, until its scripts ran too and what they changed is painted",
        measure: browser::ten_thousand_whole,
    },
    Bench {
        name: "browser: change → painted",
        aim: Aim::p99(100.0, "ms"),
        how: "from the request that changes a ticket to the frame in which an open board of 1,000 shows it",
        measure: browser::change,
    },
    Bench {
        name: "browser: first visit, needs you",
        aim: Aim::every(100.0, "kB"),
        how: "all that Chromium with empty caches gets over the wire, headers included, without the fonts",
        measure: browser::needs_you_weight,
    },
    Bench {
        name: "browser: first visit, board",
        aim: Aim::every(100.0, "kB"),
        how: "the same, for the board of 1,000 tickets",
        measure: browser::board_weight,
    },
    Bench {
        name: "browser: first visit, ticket",
        aim: Aim::every(100.0, "kB"),
        how: "the same, for a ticket",
        measure: browser::ticket_weight,
    },
    Bench {
        name: "browser: first visit, console",
        aim: Aim::every(250.0, "kB"),
        how: "the same, for a ticket whose lane's terminal is opened",
        measure: browser::console_weight,
    },
    Bench {
        name: "200 open boards",
        aim: Aim::every(20.0, "%"),
        how: "of one core, server and runner together, over 5 s: 200 live streams of the board of 1,000 tickets, as pages hold them, and two changes each second",
        measure: browser::many,
    },
    Bench {
        name: "150 quiet lanes",
        aim: Aim::every(5.0, "%"),
        how: "of one core, server, runner and shims together, over 5 s: 100 lanes over pipes and 50 in tmux are at work and print nothing",
        measure: lanes::processor,
    },
    Bench {
        name: "150 quiet lanes: tmux calls",
        aim: Aim::every(0.0, "calls"),
        how: "in the same 5 s, counted by a `tmux` on the PATH that writes each call down and becomes the real one",
        measure: lanes::tmux,
    },
];
