//! The picture of a run: latency over time, with the faults as bands behind it.
//!
//! In: the notes. Out: one SVG that any browser shows. The scale is logarithmic, since a healthy answer and a stall are a factor of ten thousand
//! apart. Start at [`picture`].

use std::fmt::Write as _;

use crate::notes::{Column, Notes};

const WIDTH: f64 = 1_200.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 50.0;
const RIGHT: f64 = 20.0;
const BOTTOM: f64 = 60.0;
/// Powers of ten of microseconds, from the bottom to the top.
const POWERS: (u32, u32) = (1, 7);
/// What is drawn, in the order of the legend.
const LINES: [(&str, &str); 3] = [("max", "#c0392b"), ("p99", "#e08e0b"), ("p50", "#2471a3")];

fn value(column: Column, line: usize) -> u64 {
    match line {
        0 => column.max,
        1 => column.p99,
        _ => column.p50,
    }
}

fn height_of(latency_us: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
    let power = (latency_us.max(1) as f64).log10();
    let (low, high) = (f64::from(POWERS.0), f64::from(POWERS.1));
    let part = ((power - low) / (high - low)).clamp(0.0, 1.0);
    HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP)
}

/// The whole picture.
pub(crate) fn picture(notes: &Notes, title: &str) -> String {
    let columns: Vec<Option<Column>> = notes.columns().collect();
    #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
    let seconds = (columns.len().max(1) as u64 * notes.column_seconds()) as f64;
    let place = |second: f64| LEFT + second / seconds * (WIDTH - LEFT - RIGHT);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n<text x=\"{LEFT}\" y=\"18\" font-size=\"14\">{title}</text>\n"
    );
    bands(&mut out, notes, seconds, place);
    for power in POWERS.0..=POWERS.1 {
        let latency_us = 10_u64.pow(power);
        let (y, label) = (height_of(latency_us), label(latency_us));
        push(
            &mut out,
            format_args!(
                "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ccc\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>\n",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0
            ),
        );
    }
    for (line, (name, colour)) in LINES.iter().enumerate() {
        let mut points = String::new();
        for (index, column) in columns.iter().enumerate() {
            let Some(column) = column else { continue };
            #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
            let second = (index as u64 * notes.column_seconds()) as f64 + 0.5;
            push(&mut points, format_args!("{:.1},{:.1} ", place(second), height_of(value(*column, line))));
        }
        #[expect(clippy::cast_precision_loss, reason = "three lines")]
        let x = WIDTH - RIGHT - 180.0 + 60.0 * line as f64;
        push(
            &mut out,
            format_args!(
                "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{points}\"/>\n<text x=\"{x}\" y=\"18\" fill=\"{colour}\">{name}</text>\n"
            ),
        );
    }
    push(
        &mut out,
        format_args!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{seconds:.0} s</text>\n</svg>\n",
            WIDTH - RIGHT,
            HEIGHT - 8.0
        ),
    );
    out
}

/// Phases as bands, the broken ones in colour, each with its name.
fn bands(out: &mut String, notes: &Notes, seconds: f64, place: impl Fn(f64) -> f64) {
    let phases = notes.phases();
    for (index, phase) in phases.iter().enumerate() {
        let from = phase.from.as_secs_f64();
        let to = phases.get(index + 1).map_or(seconds, |it| it.from.as_secs_f64());
        let (x, width) = (place(from), (place(to) - place(from)).max(0.0));
        let fill = if phase.is_fault { "#fadbd8" } else { "#eaf5ea" };
        // Names take turns at two heights, so that narrow bands stay readable.
        let y = HEIGHT - BOTTOM + if index % 2 == 0 { 18.0 } else { 34.0 };
        push(
            out,
            format_args!(
                "<rect x=\"{x:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{}\" fill=\"{fill}\"/><text x=\"{:.1}\" y=\"{y}\">{}</text>\n",
                HEIGHT - BOTTOM - TOP,
                x + 2.0,
                phase.name
            ),
        );
    }
}

fn label(latency_us: u64) -> String {
    match latency_us {
        0..1_000 => format!("{latency_us} us"),
        1_000..1_000_000 => format!("{} ms", latency_us / 1_000),
        _ => format!("{} s", latency_us / 1_000_000),
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn faults_are_bands_and_a_stall_stands_out() {
        let begin = Instant::now();
        let mut notes = Notes::new(begin, 3);
        notes.phase("healthy", false, begin);
        notes.phase("stall", true, begin + Duration::from_secs(1));
        for number in 0..3 {
            let due = begin + Duration::from_secs(number);
            let took = Duration::from_millis(if number == 1 { 2_000 } else { 1 });
            notes.answered(number, due, due, due + took);
        }
        let text = picture(&notes, "a title");
        assert!(text.contains(">stall</text>") && text.contains("#fadbd8") && text.contains(">a title<"));
        assert_eq!(text.matches("<polyline").count(), 3);
        assert!(height_of(2_000_000) < height_of(1_000) - 100.0);
    }
}
