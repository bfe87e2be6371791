//! `make explore`: every schedule within a bound, then random ones; known-bad designs; one replayed.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use std::io::Write as _;
use lab::explorer::choices::{Bound, Choices};
use lab::explorer::designs::Design;
use lab::explorer::scene::{SCENES, Scene};
use lab::explorer::search::{Search, after};
use lab::explorer::properties;
use lab::template::Template;

fn main() {
    shared::metrics::silence();
    let template = Arc::new(Template::read(include_str!("../../template.yaml"), &BTreeMap::new()).unwrap());
    let args: Vec<String> = std::env::args().collect();
    let mut out = std::io::stdout();
    if args.get(1).is_some_and(|a| a == "--replay") {
        let (scene, seed, script) = lab::explorer::search::read_replay(&args[2]).unwrap();
        let search = Search::new(template, scene, Design::Deploy).unwrap();
        let played = search.play(Choices::scripted(script, Bound::product(99, 99)), seed, true).unwrap();
        for line in &played.trace { let _ = writeln!(out, "{line}"); }
        for v in properties::check(scene, &played) { let _ = writeln!(out, "VIOLATED {v}"); }
        return;
    }
    let m: u32 = args[1].parse().unwrap(); let f: u32 = args[2].parse().unwrap();
    for scene in SCENES {
        if args.get(3).is_some_and(|n| n != scene.name) { continue; }
        let mut search = Search::new(template.clone(), scene, Design::Deploy).unwrap();
        let t = after(Duration::ZERO);
        search.exhaust(Bound::product(m, f), Some(after(Duration::from_secs(60))), false);
        let took = t.elapsed();
        let tally = search.tally();
        let _ = writeln!(out, "{}: {} schedules in {:?} complete {} violations {}", scene.name, tally.schedules, took, tally.complete, tally.violations);
        for f in tally.found.iter().take(6) { let _ = writeln!(out, "   {} {}", f.replay(), f.violation); }
    }
}
