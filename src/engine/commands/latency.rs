//! LATENCY: the events the latency monitor recorded, and the distribution of each command's latencies.

use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::engine::Engine;
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::engine::table::Command;
use crate::observe::latency::Series;
use crate::observe::sparkline;
use crate::resp::reply::Reply;
use hdrhistogram::Histogram;
use std::fmt::Write;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[
    engine("latency|doctor", doctor),
    engine("latency|graph", graph),
    engine("latency|help", help),
    engine("latency|histogram", histogram),
    engine("latency|history", history),
    engine("latency|latest", latest),
    engine("latency|reset", reset),
];

/// Columns of LATENCY GRAPH.
const GRAPH_COLUMNS: usize = 80;

fn history(cx: &mut EngineCx<'_>) -> CmdResult {
    let (engine, event) = (&mut *cx.engine, cx.args.at(2));
    let reply = &mut engine.clients[cx.client].out;
    let samples: Vec<(u32, u32)> = engine.latency.series(event).map_or_else(Vec::new, |series| series.iter().collect());
    reply.array(samples.len());
    for (at_seconds, took_ms) in samples {
        reply.array(2);
        reply.integer(at_seconds.into());
        reply.integer(took_ms.into());
    }
    Ok(Outcome::Done)
}

fn latest(cx: &mut EngineCx<'_>) -> CmdResult {
    let (latency, reply) = (&cx.engine.latency, &mut cx.engine.clients[cx.client].out);
    reply.array(latency.iter().len());
    for (event, series) in latency.iter() {
        let (at_seconds, took_ms) = series.latest().unwrap_or_default();
        reply.array(4);
        reply.bulk(event.as_bytes());
        reply.integer(at_seconds.into());
        reply.integer(took_ms.into());
        reply.integer(series.max_ms.into());
    }
    Ok(Outcome::Done)
}

fn reset(cx: &mut EngineCx<'_>) -> CmdResult {
    let latency = &mut cx.engine.latency;
    let count = match cx.args.len() {
        2 => latency.reset(None),
        _ => cx.args.iter().skip(2).map(|event| latency.reset(Some(event))).sum(),
    };
    cx.reply().integer(count as i64);
    Ok(Outcome::Done)
}

fn graph(cx: &mut EngineCx<'_>) -> CmdResult {
    let event = cx.args.at(2);
    let now_seconds = cx.engine.now.0 / 1000;
    let Some((name, series)) = cx.engine.latency.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(event))
    else {
        let mut text = b"ERR No samples available for event '".to_vec();
        text.extend_from_slice(event);
        text.push(b'\'');
        return Err(CommandError::from_bytes(text));
    };
    let text = draw(name, series, now_seconds);
    cx.reply().verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Done)
}

fn draw(name: &str, series: &Series, now_seconds: i64) -> String {
    let samples: Vec<(f64, String)> =
        series.iter().map(|(at, took_ms)| (took_ms.into(), age(now_seconds - i64::from(at)))).collect();
    let high = series.iter().map(|(_, took_ms)| took_ms).max().unwrap_or(0);
    let low = series.iter().map(|(_, took_ms)| took_ms).min().unwrap_or(0);
    let (all_time, line) = (series.max_ms, "-".repeat(GRAPH_COLUMNS));
    let drawn = sparkline::render(&samples, GRAPH_COLUMNS);
    format!("{name} - high {high} ms, low {low} ms (all time high {all_time} ms)\n{line}\n{drawn}")
}

/// How long ago, in the largest unit that fits.
fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

// ---- HISTOGRAM ---------------------------------------------------------------------------------------------------

fn histogram(cx: &mut EngineCx<'_>) -> CmdResult {
    let (table, reply) = (&cx.engine.table, &mut cx.engine.clients[cx.client].out);
    let wanted: Vec<&Command> = match cx.args.len() {
        2 => super::command_info::with_subcommands(table).collect(),
        _ => cx
            .args
            .iter()
            .skip(2)
            .filter_map(|name| table.find_full(name))
            .flat_map(|id| std::iter::once(id).chain(table.get(id).subcommands.iter().copied()))
            .map(|id| table.get(id))
            .collect(),
    };
    let measured: Vec<(&str, Histogram<u32>)> = wanted
        .into_iter()
        .filter_map(|command| Some((command.name.as_str(), command.stats.latencies.as_ref()?.histogram())))
        .collect();
    reply.map(measured.len());
    for (name, latencies) in measured {
        reply.bulk(name.as_bytes());
        write_distribution(reply, &latencies);
    }
    Ok(Outcome::Done)
}

fn write_distribution(reply: &mut Reply, latencies: &Histogram<u32>) {
    reply.map(2);
    reply.bulk(b"calls");
    reply.integer(latencies.len() as i64);
    reply.bulk(b"histogram_usec");
    let steps = distribution(latencies);
    reply.map(steps.len());
    for (us, calls) in steps {
        reply.integer(us as i64);
        reply.integer(calls as i64);
    }
}

/// How many calls took at most so many microseconds: buckets that double from 1024 ns on, those left out that add
/// nothing to the one before.
fn distribution(latencies: &Histogram<u32>) -> Vec<(u64, u64)> {
    const FIRST_NS: u64 = 1024;
    let mut steps: Vec<(u64, u64)> = Vec::new();
    let (mut bound_ns, mut calls) = (latencies.highest_equivalent(FIRST_NS), 0);
    let mut level_ns = FIRST_NS;
    for value in latencies.iter_recorded() {
        let at_ns = value.value_iterated_to();
        if at_ns > bound_ns && calls > 0 {
            steps.push((bound_ns / 1000, calls));
        }
        while at_ns > bound_ns {
            level_ns *= 2;
            bound_ns = latencies.highest_equivalent(level_ns);
        }
        calls += value.count_since_last_iteration();
    }
    if calls > 0 {
        steps.push((bound_ns / 1000, calls));
    }
    steps
}

// ---- DOCTOR ------------------------------------------------------------------------------------------------------

fn doctor(cx: &mut EngineCx<'_>) -> CmdResult {
    let report = report(cx.engine);
    cx.reply().verbatim(b"txt", report.as_bytes());
    Ok(Outcome::Done)
}

/// Figures of one event for the report.
struct Summary {
    samples: u64,
    mean_ms: u64,
    mean_deviation_ms: u64,
    period_s: u64,
}

impl Summary {
    fn of(series: &Series, now_seconds: i64) -> Summary {
        let samples = series.iter().count().max(1) as u64;
        let mean_ms = series.iter().map(|(_, ms)| u64::from(ms)).sum::<u64>() / samples;
        let deviations: u64 = series.iter().map(|(_, ms)| u64::from(ms).abs_diff(mean_ms)).sum();
        let oldest = series.iter().map(|(at, _)| i64::from(at)).min().unwrap_or(now_seconds);
        let period_s = (now_seconds - oldest).max(1) as u64;
        Summary { samples, mean_ms, mean_deviation_ms: deviations / samples, period_s }
    }
}

fn report(engine: &Engine) -> String {
    let threshold_ms = engine.latency.threshold_ms;
    if engine.latency.iter().len() == 0 {
        return if threshold_ms == 0 {
            "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use \
             \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it. If we weren't in a deep \
             space mission I'd suggest to take a look at https://redis.io/topics/latency-monitor.\n"
                .into()
        } else {
            "Dave, no latency spike was observed during the lifetime of this Redis instance, not in the slightest bit. \
             I honestly think you ought to sit down calmly, take a stress pill, and think things over.\n"
                .into()
        };
    }
    let mut text = String::from(
        "Dave, I have observed latency spikes in this Redis instance. You don't mind talking about it, do you Dave?\n\n",
    );
    let mut advice: Vec<String> = Vec::new();
    let mut advise = |line: String| {
        if !advice.contains(&line) {
            advice.push(line);
        }
    };
    for (at, (event, series)) in engine.latency.iter().enumerate() {
        let figures = Summary::of(series, engine.now.0 / 1000);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}. {event}: {} latency spikes (average {}ms, mean deviation {}ms, period {:.2} sec). Worst all time event \
             {}ms.",
            at + 1,
            figures.samples,
            figures.mean_ms,
            figures.mean_deviation_ms,
            figures.period_s as f64 / figures.samples as f64,
            series.max_ms
        );
        match event {
            "command" => {
                let logged_from_us = engine.slowlog.threshold_us;
                if logged_from_us < 0 || logged_from_us as u64 / 1000 > threshold_ms {
                    advise(format!(
                        "Commands this slow are not all in the slow log. Lower its threshold with 'CONFIG SET \
                         slowlog-log-slower-than {}'.",
                        threshold_ms * 1000
                    ));
                }
                advise("Check your Slow Log to understand what are the commands you are running which are too slow to \
                        execute (SLOWLOG GET).".into());
            }
            "fast-command" => advise(
                "Commands that take constant time were slow, so the server did not get the processor: lower the load of \
                 the machine, look for a noisy neighbour, and measure 'redis-cli --intrinsic-latency 100'."
                    .into(),
            ),
            "expire-cycle" if engine.options.hz < 100 => advise(
                "To spread the removal of expired keys over more and shorter slices, try 'CONFIG SET hz 100'.".into(),
            ),
            "eviction-cycle" | "eviction-del" => advise(
                "Sudden changes of 'maxmemory' and the storing of very large values make the server evict many keys at \
                 once."
                    .into(),
            ),
            _ => {}
        }
    }
    if advice.is_empty() {
        text.push_str("\nWhile there are latency events logged, I'm not able to suggest any easy fix.\n");
    } else {
        text.push_str("\nI have a few advices for you:\n\n");
        advice.iter().for_each(|line| {
            let _ = writeln!(text, "- {line}");
        });
    }
    text
}

fn help(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.help(&[
        "DOCTOR",
        "    Return a human readable latency analysis report.",
        "GRAPH <event>",
        "    Return an ASCII latency graph for the <event> class.",
        "HISTORY <event>",
        "    Return time-latency samples for the <event> class.",
        "LATEST",
        "    Return the latest latency samples for all events.",
        "RESET [<event> ...]",
        "    Reset latency data of one or more <event> classes.",
        "    (default: reset all data for all event classes)",
        "HISTOGRAM [COMMAND ...]",
        "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
        "    If no commands are specified then all histograms are replied.",
    ]);
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(values: &[u64]) -> Histogram<u32> {
        let mut histogram = Histogram::new_with_bounds(1, 1_000_000_000, 2).unwrap();
        values.iter().for_each(|&ns| histogram.record(ns).unwrap());
        histogram
    }

    #[test]
    fn buckets_double_and_those_that_add_nothing_are_left_out() {
        assert_eq!(distribution(&recorded(&[])), []);
        assert_eq!(distribution(&recorded(&[500, 900, 1500])), [(1, 2), (2, 3)]);
        assert_eq!(distribution(&recorded(&[500, 30_000])), [(1, 1), (33, 2)]);
        assert_eq!(distribution(&recorded(&[1_000_000])), [(1056, 1)]);
    }

    #[test]
    fn ages_are_told_in_the_largest_unit() {
        assert_eq!([age(0), age(59), age(60), age(7200), age(200_000)], ["0s", "59s", "1m", "2h", "2d"]);
    }
}
