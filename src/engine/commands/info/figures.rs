//! INFO: figures of each command and of each error code.

use super::super::command_info::with_subcommands;
use crate::engine::Engine;
use crate::observe::InfoWriter;
use crate::observe::info_writer::safe_name;

pub(super) fn commandstats(engine: &Engine, out: &mut InfoWriter) {
    out.section("Commandstats");
    for command in with_subcommands(&engine.table) {
        let stats = &command.stats;
        if stats.calls == 0 && stats.failed == 0 && stats.rejected == 0 {
            continue;
        }
        let us = stats.total_us();
        let mean_us = if stats.calls == 0 { 0.0 } else { us as f64 / stats.calls as f64 };
        out.field(
            &format!("cmdstat_{}", safe_name(&command.name)),
            format_args!(
                "calls={},usec={us},usec_per_call={mean_us:.2},rejected_calls={},failed_calls={}",
                stats.calls, stats.rejected, stats.failed
            ),
        );
    }
}

pub(super) fn errorstats(engine: &Engine, out: &mut InfoWriter) {
    out.section("Errorstats");
    for (code, count) in &engine.error_counts {
        out.field(&format!("errorstat_{}", safe_name(code)), format_args!("count={count}"));
    }
}

pub(super) fn latencystats(engine: &Engine, out: &mut InfoWriter) {
    out.section("Latencystats");
    if !engine.options.latency_tracking {
        return;
    }
    let percentiles = engine.config.percentiles();
    for command in with_subcommands(&engine.table) {
        let Some(latencies) = command.stats.latencies.as_ref().map(|latencies| latencies.histogram()) else { continue };
        let shown: Vec<String> = percentiles
            .iter()
            .map(|percent| {
                let us = latencies.value_at_quantile(percent / 100.0) as f64 / 1000.0;
                format!("p{}={us:.3}", percent_text(*percent))
            })
            .collect();
        out.field(&format!("latency_percentiles_usec_{}", safe_name(&command.name)), shown.join(","));
    }
}

/// Six digits behind the point, without the zeros at the end.
fn percent_text(percent: f64) -> String {
    format!("{percent:.6}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_named_without_trailing_zeros() {
        assert_eq!([50.0, 99.9, 100.0, 0.0].map(percent_text), ["50", "99.9", "100", "0"]);
    }
}
