//! The targets by name: what each takes, and what it begins with.
//!
//! In: any bytes. Out: nothing, or a panic. A new parser is a row here, a function in the module of its crate, and a file in `corpus`.
//! Start at [`TARGETS`].

mod catalog;
mod click;
mod dialect;
mod engine;
mod events;
mod report;
mod spool;

pub(crate) use spool::folder as spool_folder;

/// A parser and what is promised of it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// For `--target`, and its corpus' file.
    pub name: &'static str,
    /// What holds for any bytes.
    pub claim: &'static str,
    /// Longer inputs show nothing new.
    pub bytes_max: usize,
    /// Inputs to begin with that no text file should hold: valid binary, and long ones.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Tries one; panics where the claim does not hold.
    pub run: fn(&[u8]),
}

const fn no_seeds() -> Vec<Vec<u8>> {
    Vec::new()
}

/// Every one.
pub const TARGETS: &[Target] = &[
    Target {
        name: "request",
        claim: "any bytes on a connection are answered as hyper answers them, and lead to no foreign host",
        bytes_max: 4096,
        seeds: click::requests,
        run: click::request,
    },
    Target {
        name: "query",
        claim: "no parameter of a click changes where it leads, and its id is ours",
        bytes_max: 2048,
        seeds: no_seeds,
        run: click::query,
    },
    Target {
        name: "redirect",
        claim: "a deep link leads to a registered host or, rightly signed, to its own, however it is read",
        bytes_max: 1024,
        seeds: click::redirects,
        run: click::redirect,
    },
    Target {
        name: "dialect",
        claim: "a link of another system leads to a registered host, and its report is answered with a code",
        bytes_max: 1024,
        seeds: no_seeds,
        run: dialect::request,
    },
    Target {
        name: "postback",
        claim: "a report by query and body is answered with a report or a code",
        bytes_max: 2048,
        seeds: report::bombs,
        run: report::postback,
    },
    Target {
        name: "webhook",
        claim: "only a signed message of a shop is believed, and none is answered without a code",
        bytes_max: 4096,
        seeds: report::webhooks,
        run: report::webhook,
    },
    Target {
        name: "batch",
        claim: "each line of a batch is taken or refused by itself",
        bytes_max: 4096,
        seeds: report::bombs,
        run: report::batch,
    },
    Target {
        name: "frame",
        claim: "what parses as a frame is what was written, to the bit",
        bytes_max: 512,
        seeds: spool::frames,
        run: spool::frame,
    },
    Target {
        name: "segment",
        claim: "a damaged segment gives up only records that were in it, in order",
        bytes_max: 512,
        seeds: spool::damages,
        run: spool::segment,
    },
    Target {
        name: "spool",
        claim: "damaged, lost and swapped files stop neither readers nor the next writer, and invent nothing",
        bytes_max: 128,
        seeds: spool::damages,
        run: spool::folder,
    },
    Target {
        name: "envelope",
        claim: "an event that can be read is written and read back the same",
        bytes_max: 4096,
        seeds: events::goldens,
        run: events::envelope,
    },
    Target {
        name: "click_id",
        claim: "only an id that we issued is believed",
        bytes_max: 128,
        seeds: events::ids,
        run: events::click_id,
    },
    Target {
        name: "catalog",
        claim: "a catalog is read whole, or refused with reasons",
        bytes_max: 4096,
        seeds: catalog::catalogs,
        run: catalog::text,
    },
    Target {
        name: "destination",
        claim: "no macro's value changes the host of a destination",
        bytes_max: 1024,
        seeds: no_seeds,
        run: catalog::destination,
    },
    Target {
        name: "engine_request",
        claim: "a request to the engine is understood, or refused with a code",
        bytes_max: 1024,
        seeds: no_seeds,
        run: engine::request,
    },
    Target {
        name: "engine_sql",
        claim: "rows never become part of a statement",
        bytes_max: 1024,
        seeds: no_seeds,
        run: engine::sql,
    },
    Target {
        name: "engine_blocks",
        claim: "packed bytes are read back the same, and a bomb stays small",
        bytes_max: 4096,
        seeds: engine::packed,
        run: engine::blocks,
    },
    Target {
        name: "engine_form",
        claim: "a form's fields are those between its boundaries",
        bytes_max: 1024,
        seeds: no_seeds,
        run: engine::form,
    },
];
