//! The picture of a run: latency by share of the samples, and throughput, latency and memory over time.

use super::figures::{Load, Report};
use super::taken::Second;
use plotters::coord::{CoordTranslate, Shift};
use plotters::prelude::*;

type Drawn<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawing = Result<(), Box<dyn std::error::Error>>;

const COLOURS: [RGBColor; 6] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 90, 30),
    RGBColor(44, 140, 70),
    RGBColor(150, 80, 170),
    RGBColor(120, 120, 120),
    RGBColor(190, 160, 20),
];
const FONT: &str = "sans-serif";
const SMALL: (&str, u32) = (FONT, 15);
const BOLD: RGBColor = RGBColor(222, 222, 222);
const LIGHT: RGBColor = RGBColor(246, 246, 246);

/// The picture of the first load of a run as SVG; empty when there was none.
///
/// # Errors
/// What cannot be drawn, in the words of the library.
pub fn draw(report: &Report) -> Result<String, String> {
    let Some(load) = report.loads.first() else {
        return Ok(String::new());
    };
    let mut svg = String::new();
    whole(&mut svg, report, load).map_err(|error| error.to_string())?;
    Ok(svg)
}

fn whole(svg: &mut String, report: &Report, load: &Load) -> Drawing {
    let root = SVGBackend::with_string(svg, (1000, 1180)).into_drawing_area();
    root.fill(&WHITE)?;
    let plan = &report.plan;
    let requests = match plan.batch {
        1 => "single fixes".to_owned(),
        batch => format!("batches of {batch}"),
    };
    let title = format!(
        "usher bench {}: {} geofences, {} phones, {}",
        report.version, plan.fences, plan.devices, requests
    );
    let root = root.titled(&title, (FONT, 24))?;
    let (above, below) = root.split_vertically(460);
    latencies(&above, load)?;
    let parts = below.split_evenly((3, 1));
    let line = |value: fn(&Second) -> Option<f64>| -> Vec<(f64, f64)> {
        load.timeline
            .iter()
            .filter_map(|second| Some((second.at_s, value(second)?)))
            .collect()
    };
    over_time(
        &parts[0],
        "fixes answered in a second",
        &[("", line(|second| Some(second.fixes as f64)))],
    )?;
    let answers = [
        ("p50", line(|second| Some(second.p50_ms))),
        ("p99", line(|second| Some(second.p99_ms))),
    ];
    over_time(&parts[1], "fix to answer, ms", &answers)?;
    over_time(
        &parts[2],
        "resident memory of the server, MiB",
        &[("", line(|second| second.resident_mib))],
    )?;
    root.present()?;
    Ok(())
}

/// Says in a corner of the chart which curve is which.
fn legend<'a, X: CoordTranslate>(chart: &mut ChartContext<'a, SVGBackend<'a>, X>, at: SeriesLabelPosition) -> Drawing {
    chart
        .configure_series_labels()
        .position(at)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(200, 200, 200))
        .label_font(SMALL)
        .draw()?;
    Ok(())
}

/// The piece of a curve that stands beside its name.
fn sample((x, y): (i32, i32), colour: RGBColor) -> PathElement<(i32, i32)> {
    PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(3))
}

/// Each further nine of the samples is as wide as the one before.
fn nines(share: f64) -> f64 {
    -(1.0 - share.min(0.999_99)).log10()
}

fn nines_label(at: f64) -> String {
    match at {
        at if (at - 0.0).abs() < 1e-6 => "0 %".to_owned(),
        at if (at - 1.0).abs() < 1e-6 => "90 %".to_owned(),
        at if (at - 2.0).abs() < 1e-6 => "99 %".to_owned(),
        at if (at - 3.0).abs() < 1e-6 => "99.9 %".to_owned(),
        at if (at - 4.0).abs() < 1e-6 => "99.99 %".to_owned(),
        _ => String::new(),
    }
}

/// Ones, twos and fives; the others would stand on top of one another.
fn ms_label(ms: f64) -> String {
    let leading = ms / 10_f64.powf((ms * 1.001).log10().floor());
    if ![1.0, 2.0, 5.0].iter().any(|told| (leading - told).abs() < 0.01) {
        return String::new();
    }
    if ms < 0.99 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

fn latencies(area: &Drawn<'_>, load: &Load) -> Drawing {
    let all = load.hops.iter().flat_map(|hop| hop.curve.iter().map(|point| point.1));
    let (low, high) = all.fold((f64::MAX, 1.0), |(low, high), ms| {
        (f64::min(low, ms), f64::max(high, ms))
    });
    let mut chart = ChartBuilder::on(area)
        .caption("latency: share of the samples below", (FONT, 18))
        .margin(12)
        .x_label_area_size(32)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..4.2, (low.clamp(0.05, 1.0) * 0.9..high * 1.4).log_scale())?;
    chart
        .configure_mesh()
        .x_labels(5)
        .x_label_formatter(&|at| nines_label(*at))
        .y_label_formatter(&|ms| ms_label(*ms))
        .bold_line_style(BOLD)
        .light_line_style(LIGHT)
        .label_style(SMALL)
        .draw()?;
    for (hop, colour) in load.hops.iter().zip(COLOURS.iter().cycle()) {
        // Where there are too few samples the curve would only repeat the worst one.
        let told = hop
            .curve
            .iter()
            .filter(|(share, _)| (1.0 - share) * hop.samples as f64 >= 1.0 || *share < 0.9);
        let points = told.map(|(share, ms)| (nines(*share), ms.max(0.05)));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(format!("{}, {} samples", hop.name, hop.samples))
            .legend(move |at| sample(at, *colour));
    }
    legend(&mut chart, SeriesLabelPosition::LowerRight)?;
    Ok(())
}

fn over_time(area: &Drawn<'_>, caption: &str, lines: &[(&str, Vec<(f64, f64)>)]) -> Drawing {
    let points = || lines.iter().flat_map(|line| &line.1);
    let last = points().map(|point| point.0).fold(1.0, f64::max);
    let high = points().map(|point| point.1).fold(1e-3, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(caption, (FONT, 18))
        .margin(12)
        .x_label_area_size(28)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..last, 0.0..high * 1.15)?;
    chart
        .configure_mesh()
        .x_labels(8)
        .y_labels(5)
        .x_label_formatter(&|at| format!("{at:.0} s"))
        .y_label_formatter(&|value| {
            if high < 10.0 {
                format!("{value:.1}")
            } else {
                format!("{value:.0}")
            }
        })
        .bold_line_style(BOLD)
        .light_line_style(LIGHT)
        .label_style(SMALL)
        .draw()?;
    for ((name, points), colour) in lines.iter().zip(COLOURS.iter()) {
        let series = chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
        if !name.is_empty() {
            series.label(*name).legend(move |at| sample(at, *colour));
        }
    }
    if lines.len() > 1 {
        legend(&mut chart, SeriesLabelPosition::UpperLeft)?;
    }
    Ok(())
}

/// A chart of curves over the number of geofences, both axes logarithmic: how a cost grows.
///
/// # Errors
/// What cannot be drawn, in the words of the library.
pub fn growth(title: &str, unit: &str, curves: &[(String, Vec<(f64, f64)>)]) -> Result<String, String> {
    let mut svg = String::new();
    grown(&mut svg, title, unit, curves).map_err(|error| error.to_string())?;
    Ok(svg)
}

fn grown(svg: &mut String, title: &str, unit: &str, curves: &[(String, Vec<(f64, f64)>)]) -> Drawing {
    let root = SVGBackend::with_string(svg, (900, 560)).into_drawing_area();
    root.fill(&WHITE)?;
    let span = |value: fn(&(f64, f64)) -> f64| {
        let values = curves.iter().flat_map(|curve| curve.1.iter().map(value));
        values.fold((f64::MAX, 1e-9), |(low, high), value| {
            (f64::min(low, value), f64::max(high, value))
        })
    };
    let (fences, costs) = (span(|point| point.0), span(|point| point.1));
    if fences.0 > fences.1 {
        return Err("there is nothing to draw".into());
    }
    let mut chart = ChartBuilder::on(&root)
        .caption(title, (FONT, 22))
        .margin(14)
        .x_label_area_size(46)
        .y_label_area_size(90)
        .build_cartesian_2d(
            (fences.0 * 0.8..fences.1 * 1.25).log_scale(),
            (costs.0 * 0.7..costs.1 * 1.6).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc("geofences")
        .x_label_formatter(&|count| format!("{count:.0}"))
        .y_label_formatter(&|cost| format!("{cost:.0} {unit}"))
        .bold_line_style(BOLD)
        .light_line_style(LIGHT)
        .label_style(SMALL)
        .draw()?;
    for ((name, points), colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
            .label(name.as_str())
            .legend(move |at| sample(at, *colour));
    }
    legend(&mut chart, SeriesLabelPosition::UpperLeft)?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
#[path = "picture_tests.rs"]
mod tests;
