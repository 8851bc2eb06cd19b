//! Two edges that are asked the same, one as served and one by hyper alone, and what they have written down.
//!
//! In: requests. Out: what both say, which is the same to the byte; a panic where it is not, where a redirect leads to a foreign host, or where
//! what lies in the spool cannot be read. The two are made anew now and then, since each click is a record on disk. Start at [`ask`].

use std::{cell::RefCell, time::Duration};

use edge::testing::{Desk, Way};
use events::Event;
use journal::spool::Reader;
use tempfile::TempDir;

use crate::{answers, hosts, world};

/// Inputs between two new beginnings: some megabytes of spool.
const INPUTS_EACH: u32 = 1024;

struct Pair {
    /// As served, and hyper alone.
    desks: [Desk; 2],
    folders: [TempDir; 2],
    asked: u32,
}

thread_local! {
    static DESKS: RefCell<Option<Pair>> = const { RefCell::new(None) };
}

/// What is said to `request` on both ways, without dates; `is_allowed` judges each redirect's host and port.
///
/// # Panics
///
/// Where they differ, and where an answer breaks a promise.
pub(crate) fn ask(request: &[u8], is_allowed: impl Fn(&str, Option<u16>) -> bool) -> Said {
    DESKS.with_borrow_mut(|kept| {
        if kept.as_ref().is_some_and(|it| it.asked >= INPUTS_EACH)
            && let Some(old) = kept.take()
        {
            old.end();
        }
        let desks = kept.get_or_insert_with(Pair::begin);
        desks.asked += 1;
        desks.ask(request, is_allowed)
    })
}

/// An answer's status, its location and its body.
pub(crate) type Heard = (u16, Option<String>, Vec<u8>);

/// What was said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) answers: Vec<Heard>,
}

impl Said {
    /// The only answer.
    pub(crate) fn only(&self) -> &Heard {
        let [only] = self.answers.as_slice() else { panic!("one answer, not {:?}", self.answers) };
        only
    }
}

/// Hosts that [`world::CATALOG`] names, however they are asked for.
pub(crate) fn is_registered(host: &str, port: Option<u16>) -> bool {
    let name = host.trim_end_matches('.');
    match port {
        None => {
            world::STORED_HOSTS.contains(&name) || name == "wide.example" || name.ends_with(".wide.example")
        }
        Some(8080) => name == "path.example",
        Some(8443) => name == "port.example",
        Some(_) => false,
    }
}

impl Pair {
    fn begin() -> Self {
        let folder = || tempfile::tempdir().expect("a temporary folder can be made");
        let folders = [folder(), folder()];
        let desk = |folder: &TempDir| {
            let catalog = catalog::parse(&[("fuzz.toml", world::CATALOG)]).expect("the catalog is right");
            Desk::open(world::options(folder.path()), catalog, world::clock).expect("an edge starts")
        };
        Self { desks: folders.each_ref().map(desk), folders, asked: 0 }
    }

    fn ask(&self, request: &[u8], is_allowed: impl Fn(&str, Option<u16>) -> bool) -> Said {
        let [served, general] = &self.desks;
        let said = served.answer(request, Way::Lane);
        let by_hyper = general.answer(request, Way::General);
        assert_eq!(
            answers::without_dates(&said),
            answers::without_dates(&by_hyper),
            "the fast lane answers otherwise than hyper"
        );
        let mut heard = Vec::new();
        for answer in answers::read(&said) {
            if let Some(location) = answer.location {
                let (host, port) = hosts::reached(location);
                assert!(is_allowed(&host, port), "sent to {location:?}");
            }
            heard.push((answer.status, answer.location.map(str::to_owned), answer.body.to_vec()));
        }
        for desk in &self.desks {
            let (received, met) = desk.balance();
            assert!(met <= received && desk.panics() == 0, "{met} fates of {received} requests");
        }
        Said { answers: heard }
    }

    /// Both wrote the same records, and each can be read.
    fn end(self) {
        let spools = self.desks.map(|desk| {
            let spool = desk.spool();
            desk.close();
            records(&spool)
        });
        assert_eq!(spools[0], spools[1], "the two ways record otherwise");
        drop(self.folders);
    }
}

fn records(spool: &std::path::Path) -> Vec<Vec<u8>> {
    let (mut reader, mut found) = (Reader::open(spool), Vec::new());
    loop {
        let records = reader.poll(4096, Duration::ZERO).expect("a spool of our own is read");
        if records.is_empty() {
            break;
        }
        found.extend(records.into_iter().map(|it| it.bytes.to_vec()));
    }
    assert_eq!(reader.damages().findings(), 0);
    for record in &found {
        let event = Event::decode(record);
        let is_input = matches!(event, Ok(Event::Click(_) | Event::Report(_)));
        assert!(is_input, "{event:?} was recorded");
    }
    found
}
