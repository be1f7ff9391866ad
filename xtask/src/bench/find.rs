//! Finding an order by its key: as a command from start to end, and inside the store alone.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Orders;
use super::figure::Figure;
use crate::faults::arena::Arena;
use crate::step::Stopwatch;

/// Key and title of two figures: the median of some runs, and the slowest but one.
type Pair = [(&'static str, &'static str); 2];

const COMMAND: Pair = [
    ("find_median", "find an order by its key, whole command, median"),
    ("find", "find an order by its key, whole command, slowest but one"),
];
const STORE: Pair = [
    ("find_store_median", "of this, inside the store, median"),
    ("find_store", "of this, inside the store, slowest but one"),
];

/// Some runs of each, every one of another order.
pub fn all(arena: &Arena, orders: &Orders) -> Vec<Figure> {
    // Inside the store first: what is read then comes from the file, as after any restart.
    let in_store = figures(STORE, orders, |key| inside(arena, key));
    figures(COMMAND, orders, |key| whole(arena, key)).into_iter().chain(in_store).collect()
}

fn figures(pair: Pair, orders: &Orders, run: impl Fn(&str) -> Result<f64, String>) -> Vec<Figure> {
    let keys = (0..orders.finds).map(|number| format!("order:EK{:06}", number * 37 % orders.orders));
    let [(median, about_median), (slow, about_slow)] = pair;
    let mut millis: Vec<f64> = match keys.map(|key| run(&key)).collect() {
        Ok(millis) => millis,
        Err(why) => return vec![Figure::skipped(slow, about_slow, why.replace('|', "/"))],
    };
    millis.sort_by(f64::total_cmp);
    let at = |place: usize| millis.get(place).copied().unwrap_or(f64::NAN);
    vec![
        Figure::of(median, about_median, "ms", at(millis.len() / 2)),
        Figure::of(slow, about_slow, "ms", at(millis.len().saturating_sub(2))),
    ]
}

/// Milliseconds of `lineshaft find` from start to end.
fn whole(arena: &Arena, key: &str) -> Result<f64, String> {
    let mut command = Command::new(&arena.lineshaft);
    command.arg("find").arg(key);
    command.env("LINESHAFT_API", format!("http://{}", arena.api)).env("LINESHAFT_DATA", &arena.data);
    command.stdin(Stdio::null()).current_dir(arena.project());
    let watch = Stopwatch::start();
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(said.lines().next().unwrap_or("find failed").to_owned());
    }
    Ok(watch.elapsed().as_secs_f64() * 1e3)
}

/// Milliseconds that the node says the store took.
fn inside(arena: &Arena, key: &str) -> Result<f64, String> {
    let token = std::fs::read_to_string(arena.data.join("token")).map_err(|error| error.to_string())?;
    let answer = answer(arena, key, token.trim()).map_err(|error| error.to_string())?;
    let told = answer.lines().find_map(|line| line.strip_prefix("server-timing: store;dur="));
    told.and_then(|millis| millis.trim().parse().ok()).ok_or_else(|| "the answer does not tell the time".to_owned())
}

fn answer(arena: &Arena, key: &str, token: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&arena.api, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = format!(
        "GET /api/v1/find?key={key}&limit=50 HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n",
        arena.api
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
