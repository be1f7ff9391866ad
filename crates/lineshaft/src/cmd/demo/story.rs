//! The story, chapter by chapter: what happens in the plants and in the ERP, what the hub makes of it, and what the judge
//! finds. Deliberately absent: how the systems and the node are run, which stands in the files beside this one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lineshaft_standin::serve::{Fault, Kind};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::judge::{Books, Failed, Hub, Verdict, judge};
use super::node::{Node, Now};
use super::plan::{
    self, COMPLETIONS, COVER, EARLY, GRANULATE, LOCKED, ORDERS, Order, PUMP, SHORT, TAKEN_BACK, UNANSWERED,
};
use super::systems::{Systems, bare};
use super::tell::Tell;
use super::{load, project};

const CONFIRMATIONS: &str = "/sap/opu/odata/sap/API_PROD_ORDER_CONFIRMATION_2_SRV/ProdnOrdConf2";

/// Tables that a person loads, and the field that is the key of each.
const TABLES: [(&str, &str); 4] =
    [("unit", "unit"), ("location", "location"), ("work-centre", "work_centre"), ("batch", "key")];

/// How long the ERP cannot be reached.
const OUTAGE: Duration = Duration::from_secs(20);

/// How long a user has an order open.
const LOCK: Duration = Duration::from_secs(5);

/// How long the hub stays dead after it was killed.
const DEAD: Duration = Duration::from_secs(1);

/// What one posting takes in the ERP, in milliseconds: so that some are on their way when the hub is killed.
const POSTING_MS: u64 = 60;

/// Longest time for anything that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The target took it and then did not post it.
const LATE_REFUSAL: &str = "DELIVER-013";

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Everything on the stage.
pub(super) struct Story<'a> {
    tell: &'a Tell,
    systems: Arc<Systems>,
    orders: Arc<Vec<Order>>,
    pub(super) node: Node,
    /// The last that the hub said of itself, and when it was asked.
    now: (Duration, Now),
    /// Number of the report that takes another one back; empty until there is one.
    taken_back_by: String,
    /// Failed goods movements that the hub told of.
    noticed: Vec<Failed>,
}

impl<'a> Story<'a> {
    /// Chapter 1: the systems start, and the hub.
    pub(super) async fn begin(tell: &'a Tell, directory: &Path, seed: u64, systems: Systems) -> Result<Self, String> {
        tell.chapter("1  One hub, one ERP, two plants, one warehouse");
        project::write(&directory.join("project"))
            .map_err(|error| format!("the project cannot be written: {error}"))?;
        tell.say("The ERP, the MES of Augsburg (DE10: pieces, kilograms), the MES of Gliwice (PL20: boxes, grams, local times) and a warehouse system are up, each on a port of this machine.");
        let node = Node::start(directory, systems.urls().to_vec(), systems.tokens()).await?;
        tell.say(&format!(
            "The hub is up, a process of its own: documents go in at {}, questions at {}.",
            node.inbound(),
            node.url()
        ));
        tell.say("Lines with … show how far everything is: reports told to the hub, confirmations and stock documents posted in the ERP and the warehouse, and deliveries that are open, in doubt or stopped in the hub.");
        let orders = Arc::new(plan::orders(seed));
        Ok(Self {
            tell,
            systems: Arc::new(systems),
            orders,
            node,
            now: Default::default(),
            taken_back_by: String::new(),
            noticed: Vec::new(),
        })
    }

    /// Chapter 2: master data, orders, and one order that is too early.
    pub(super) async fn release_orders(&mut self) -> Result<(), String> {
        let (tell, systems, inbound) = (self.tell, Arc::clone(&self.systems), self.node.inbound());
        tell.chapter("2  Master data and production orders");
        self.load_tables().await?;
        for material in [PUMP, GRANULATE] {
            systems.tell_material(material, inbound)?;
        }
        self.wait("the hub took the materials", |systems, _| systems.untold() == 0).await?;
        tell.say("The ERP told the hub two materials by an interface of their own: 1 box of pump housings = 12 pieces, 1 kg of granulate = 1000 g.");
        for order in self.orders.iter() {
            systems.release(order, inbound)?;
        }
        self.wait("orders reached their plants", |systems, orders| systems.at_mes(orders) == ORDERS - 1).await?;
        tell.say(&format!(
            "{} of {ORDERS} orders are at their plants: 480 pieces for Augsburg, 40 boxes for Gliwice, times in the form and zone of each plant.",
            ORDERS - 1
        ));
        let early = self.orders[EARLY].short().to_owned();
        self.wait_hub("the early order stopped", |now| now.stopped == 1).await?;
        tell.say(&format!("Order {early} names material {COVER}, which nobody has told the hub. It is stopped with MAP-002 and the plant is not given a guess; all other orders go on."));
        systems.tell_material(COVER, inbound)?;
        self.wait("the early order reached its plant", |systems, orders| systems.at_mes(orders) == ORDERS).await?;
        self.wait_hub("nothing is stopped any more", |now| now.stopped == 0).await?;
        tell.say(&format!("Now the ERP tells material {COVER} (1 box = 24 pieces), and order {early} goes on by itself: 20 boxes. Nobody pressed a button."));
        Ok(())
    }

    /// Reference data that nobody sends: a person loads it from files.
    async fn load_tables(&self) -> Result<(), String> {
        let tell = self.tell;
        tell.say("Some reference data no system sends. Somebody loads it from files: what the plants call their units, storage locations, work centres and batches.");
        for (table, key) in TABLES {
            let file = self.node.project_file(&format!("reference/{table}.csv"));
            let said = self.node.command(&["reference", "load", table, &file, "--key", key]).await?;
            tell.print(&format!(
                "         $ lineshaft reference load {table} {table}.csv --key {key}\n         {}",
                said.trim_end()
            ));
        }
        Ok(())
    }

    /// Chapter 3: production under steady load, an answer that is lost, an order that is locked, a movement that fails.
    pub(super) async fn produce(&mut self) -> Result<JoinHandle<Result<(), String>>, String> {
        let (tell, systems) = (self.tell, Arc::clone(&self.systems));
        tell.chapter("3  The plants produce");
        let unanswered = self.orders[UNANSWERED].clone();
        systems.erp.fault(Fault::new(Kind::ApplyThenDrop).times(1).path(CONFIRMATIONS).body(&unanswered.number));
        systems.erp.fault(Fault::new(Kind::Slow).path(CONFIRMATIONS).ms(POSTING_MS));
        let load = tokio::spawn(load::run(Arc::clone(&systems), Arc::clone(&self.orders), self.node.inbound()));
        tell.say(&format!("Both plants report good and scrapped quantities, {COMPLETIONS} times for each order, bring granulate to the lines, use some of it apart, and declare scrap. Confirmations go to the ERP; what changes stock goes to the ERP and to the warehouse, which throttles (429) when much comes at once."));
        self.wait_hub("a lost answer is noticed", |now| now.in_doubt > 0).await?;
        let short = unanswered.short().to_owned();
        tell.say(&format!("The ERP posted a confirmation of order {short} and its answer was lost. Sending again could post twice, so the hub marks it in doubt and will ask the ERP once it is quiet."));
        let locked = self.orders[LOCKED].clone();
        systems.erp.lock_order(&locked.number, "MEIER");
        let at_lock = systems.erp.confirmations(&locked.number).len();
        systems.erp.run_short(&self.orders[SHORT].number);
        tell.say(&format!("User MEIER opens order {} in the ERP: postings to it are refused (423). The hub tries that order again by time and keeps its confirmations in line; the other orders do not wait.", locked.short()));
        self.pause(LOCK).await?;
        systems.erp.unlock_order(&locked.number);
        self.wait("the locked order is confirmed again", |systems, _| {
            systems.erp.confirmations(&locked.number).len() > at_lock
        })
        .await?;
        tell.say(&format!("MEIER is done; the confirmations of order {} are posted, in their order.", locked.short()));
        self.wait_hub("the doubt is settled", |now| now.in_doubt == 0).await?;
        let postings = systems.erp.confirmations(&unanswered.number);
        let times = postings.iter().filter(|it| postings.first().is_some_and(|first| first.text == it.text)).count();
        let times = if times == 1 { "posted once".to_owned() } else { format!("posted {times} times") };
        tell.say(&format!("The hub asked the ERP by the key that it had sent along, and the ERP knew it: the confirmation of order {short} is {times}, and the order goes on."));
        self.put_right().await?;
        Ok(load)
    }

    /// A goods movement fails behind a good confirmation; the hub reads it back, and a person puts it right in the ERP.
    async fn put_right(&mut self) -> Result<(), String> {
        let (tell, systems) = (self.tell, Arc::clone(&self.systems));
        let order = self.orders[SHORT].clone();
        self.wait_hub("somebody is told of a failed goods movement", |now| now.stopped > 0).await?;
        let told = self.node.ask("/api/v1/exceptions").await?;
        let told = told["items"].as_array().map_or(&[][..], Vec::as_slice);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let told: Vec<_> = told.iter().filter(|it| it["fault"]["code"] == LATE_REFUSAL).collect();
        self.noticed = told
            .iter()
            .map(|it| Failed { order: bare(&text(&it["order_key"])), why: text(&it["fault"]["message"]) })
            .collect();
        let [it] = told[..] else {
            return Err(format!("one goods movement failed, and the hub tells of {}", told.len()));
        };
        let (id, why) = (text(&it["id"]), text(&it["fault"]["message"]));
        tell.say(&format!("Meanwhile the ERP answered a confirmation of order {} with 201, and the goods movement behind it failed. Taken is not posted: the hub reads back what became of it, stops the order and tells the ERP's reason: \"{why}\".", order.short()));
        tell.print("\n$ lineshaft exceptions list");
        tell.print(&self.node.command(&["exceptions", "list"]).await?);
        let confirmation = systems.post_failed(&order)?;
        tell.say("Sent again, it would be confirmed twice. Somebody puts the stock right in the ERP, posts the failed movement there (COGI), and says so:");
        let reason = "stock put right, movement posted in COGI";
        tell.print(&format!("\n$ lineshaft exceptions answer {id} --posted {confirmation} --reason \"{reason}\""));
        let words = ["exceptions", "answer", &id, "--posted", &confirmation, "--reason", reason];
        tell.print(&self.node.command(&words).await?);
        self.wait_hub("nothing is stopped any more", |now| now.stopped == 0).await
    }

    /// Chapter 4: the ERP cannot be reached, the plants go on.
    pub(super) async fn lose_the_erp(&mut self) -> Result<(), String> {
        let (tell, systems) = (self.tell, Arc::clone(&self.systems));
        tell.chapter("4  The ERP is down for 20 seconds");
        systems.erp.go_down(None);
        tell.say("Connections to the ERP are refused. The plants notice nothing: every report is on the hub's disk before it is acknowledged. The hub tries now and then whether the ERP is back instead of hammering it.");
        self.pause(OUTAGE / 4).await?;
        let order = self.orders[TAKEN_BACK].clone();
        let (wrong, by) = systems.correct(&order, self.node.inbound())?;
        tell.say(&format!("Somebody in Augsburg notices that report {wrong} of order {} is wrong. The MES takes it back with {by} and reports it anew. The ERP has not seen the wrong one yet: its cancellation stands behind it and will not pass it.", order.short()));
        self.taken_back_by = by;
        self.pause(OUTAGE - OUTAGE / 4).await?;
        let waiting = self.look().await.open_to_erp;
        systems.erp.go_up();
        tell.say(&format!("The ERP is back. {waiting} deliveries wait for it and drain in the order of each production order, while new reports keep coming in."));
        Ok(())
    }

    /// Chapter 5: the hub itself dies in the middle of the backlog.
    pub(super) async fn lose_the_hub(&mut self) -> Result<(), String> {
        let (tell, systems) = (self.tell, Arc::clone(&self.systems));
        tell.chapter("5  The hub is killed in the middle of it");
        let before = systems.erp.all_confirmations().len();
        self.wait("the backlog drains", |systems, _| systems.erp.all_confirmations().len() >= before + 20).await?;
        self.node.kill().await?;
        tell.say("kill -9, while confirmations are on their way to the ERP. The plants get no answer now and keep what they have to say.");
        tokio::time::sleep(DEAD).await;
        let untold = systems.untold();
        self.node.start_again().await?;
        tell.say(&format!("The hub is up again on the same disk; {untold} reports of the plants come a second time or for the first, with the same keys. What it was sending when it died is in doubt, and it asks the ERP before it sends again."));
        Ok(())
    }

    /// Chapter 6: everything comes to rest.
    pub(super) async fn come_to_rest(&mut self, load: JoinHandle<Result<(), String>>) -> Result<(), String> {
        let tell = self.tell;
        tell.chapter("6  Everything comes to rest");
        while !load.is_finished() {
            self.show().await?;
        }
        load.await.map_err(|error| format!("the load ended early: {error}"))??;
        tell.say("The plants have reported everything. The hub works off what is left.");
        let stock = ORDERS * (plan::MOVES + plan::CONSUMPTIONS + 1);
        let posted = self.wait("everything is posted", |systems, _| {
            let posted = systems.stock_in_erp().min(systems.stock_in_wms());
            systems.untold() == 0 && systems.erp.all_confirmations().len() >= plan::WORK && posted >= stock
        });
        // Not posted in time is for the judge to tell, with all details.
        let rested = match posted.await {
            Ok(()) => self.wait_hub("nothing is open", |now| now.hub == Hub::default()).await,
            late => late,
        };
        tell.say(&rested.map_or_else(
            |why| format!("It does not come to rest: {why}."),
            |()| {
                format!(
                    "Everything is posted. The warehouse throttled {} times and the hub waited each time.",
                    self.systems.wms.throttled()
                )
            },
        ));
        self.tell_taken_back();
        Ok(())
    }

    /// What became of the report that was taken back, as the ERP shows it.
    fn tell_taken_back(&self) {
        let order = &self.orders[TAKEN_BACK];
        let posted = self.systems.erp.confirmations(&order.number);
        let Some(cancelled) = posted.iter().find(|it| it.cancels.is_some()) else { return };
        let Some(number) = cancelled.cancels.as_ref() else { return };
        self.tell.say(&format!(
            "The wrong report of order {} was posted as confirmation {number}, then cancelled by confirmation {} with its goods movements, and the right one posted after both. Wrong and cancelled come to nothing.",
            order.short(),
            cancelled.count,
        ));
    }

    /// Chapter 7: the judge.
    pub(super) async fn verdict(&mut self) -> Result<Verdict, String> {
        let tell = self.tell;
        tell.chapter("7  The verdict");
        let hub = self.node.now().await?.hub;
        let books = Books { noticed: self.noticed.clone(), ..self.systems.books(&self.orders, hub) };
        let verdict = judge(&books);
        tell.say("An independent judge compares the books of the ERP, both MES and the warehouse, document by document, in pieces and kilograms.");
        let planned = books.planned;
        tell.print(&format!(
            "\n  orders         {:>4} planned · {:>4} released · {:>4} at their plants\n  confirmations  {:>4} planned · {:>4} reported · {:>4} posted in the ERP",
            planned.orders, books.released.len(), books.at_mes.len(),
            planned.work, books.reported.len(), books.confirmed.len(),
        ));
        for flow in &books.flows {
            tell.print(&format!(
                "  {:<14} {:>4} planned · {:>4} reported · {:>4} posted in the ERP · {} in the warehouse",
                flow.what,
                flow.planned,
                flow.reported.len(),
                flow.in_erp.len(),
                flow.in_wms.len(),
            ));
        }
        tell.print(&format!(
            "  late refusals  {:>4} planned · {:>4} failed in the ERP behind its 201 · {} told by the hub",
            planned.failed,
            books.failed.len(),
            books.noticed.len(),
        ));
        let places = books.stock_in_erp.len() + books.stock_in_wms.len();
        tell.print(&format!(
            "  stock          {places} places compared, ERP and warehouse\n\n  each must be 0: {verdict}"
        ));
        if verdict.unequal + verdict.short > 0 {
            tell.print(&format!("  unequal {} · fewer than planned {}", verdict.unequal, verdict.short));
        }
        for detail in &verdict.details {
            tell.print(&format!("  - {detail}"));
        }
        if verdict.good() {
            tell.print("  good: everything that was planned happened, once and in order");
        } else {
            tell.print("  BAD");
        }
        Ok(verdict)
    }

    /// Chapter 8: one order, as everybody may look it up.
    pub(super) async fn look_up(&self) -> Result<(), String> {
        let tell = self.tell;
        tell.chapter("8  One order, looked up");
        let order = self.orders[UNANSWERED].short();
        let key = format!("order:{order}");
        tell.say("Who called about this order? The newest of it, and then the confirmation whose answer was lost, with everything that was done about it.");
        tell.print(&format!("\n$ lineshaft find {key} --limit 6"));
        tell.print(&self.node.command(&["find", &key, "--limit", "6"]).await?);
        let found = self.node.ask(&format!("/api/v1/find?key={key}")).await?;
        let items = found["items"].as_array().map_or(&[][..], Vec::as_slice);
        let confirmation = items
            .iter()
            .rfind(|it| it["event"].as_str().is_some_and(|event| event.starts_with("production.confirmation")));
        let id =
            confirmation.and_then(|it| it["id"].as_str()).ok_or("no confirmation is found by the order's number")?;
        self.show_trace(id).await?;
        tell.say(
            "And the report that took another one back: plants name reports by their own numbers, and so can you.",
        );
        let key = format!("report:{}", self.taken_back_by);
        tell.print(&format!("\n$ lineshaft find {key}"));
        tell.print(&self.node.command(&["find", &key]).await?);
        let found = self.node.ask(&format!("/api/v1/find?key={key}")).await?;
        let id = found["items"][0]["id"].as_str().ok_or("no report is found by its number")?;
        self.show_trace(id).await
    }

    async fn show_trace(&self, id: &str) -> Result<(), String> {
        self.tell.print(&format!("$ lineshaft trace show {id}"));
        self.tell.print(&self.node.command(&["trace", "show", id]).await?);
        Ok(())
    }

    /// What to type in another terminal while everything still runs.
    pub(super) fn how_to_look(&self) -> String {
        let order = self.orders[EARLY].short();
        let looks = ["status".to_owned(), format!("find order:{order}"), "exceptions list".to_owned()];
        let looks: String = looks.iter().map(|words| format!("  {}\n", self.node.typed(words))).collect();
        let report = self.systems.report_typed(&self.orders[0], self.node.inbound());
        let erp = self.systems.erp.url();
        format!(
            "The hub and the systems run on until Ctrl-C. In another terminal, look around:\n{looks}\
             take the ERP away for 20 seconds, have Augsburg move stock, and look again:\n  \
             curl -d '{{\"kind\":\"refuse\",\"ms\":20000}}' {erp}/_fault\n  {report}\n"
        )
    }

    /// Shows progress for `time`.
    async fn pause(&mut self, time: Duration) -> Result<(), String> {
        let end = self.tell.elapsed() + time;
        while self.tell.elapsed() < end {
            self.show().await?;
        }
        Ok(())
    }

    /// Waits until the stand-ins show it.
    async fn wait(&mut self, what: &str, done: impl Fn(&Systems, &[Order]) -> bool) -> Result<(), String> {
        let end = self.tell.elapsed() + PATIENCE;
        while !done(&self.systems, &self.orders) {
            if self.tell.elapsed() > end {
                return Err(format!("waited {} s until {what}", PATIENCE.as_secs()));
            }
            self.show().await?;
        }
        Ok(())
    }

    /// Waits until the hub says so.
    async fn wait_hub(&mut self, what: &str, done: impl Fn(&Now) -> bool) -> Result<(), String> {
        let end = self.tell.elapsed() + PATIENCE;
        loop {
            self.show().await?;
            if let Ok(now) = self.node.now().await
                && done(&now)
            {
                self.now = (self.tell.elapsed(), now);
                return Ok(());
            }
            if self.tell.elapsed() > end {
                return Err(format!("waited {} s until {what}", PATIENCE.as_secs()));
            }
        }
    }

    /// What the hub says of itself, asked now.
    async fn look(&mut self) -> Now {
        if let Ok(now) = self.node.now().await {
            self.now = (self.tell.elapsed(), now);
        }
        self.now.1
    }

    /// One line of progress, and a short rest.
    async fn show(&mut self) -> Result<(), String> {
        self.node.lives()?;
        if self.tell.elapsed().saturating_sub(self.now.0) >= Duration::from_secs(1) {
            self.look().await;
        }
        let (systems, now) = (&self.systems, &self.now.1);
        let (told, issued) = (systems.told(), systems.stock_in_wms());
        self.tell.progress(&format!(
            "told {told}  confirmed {}  stock ERP {} WMS {issued}  open {}  in doubt {}  stopped {}",
            systems.erp.all_confirmations().len(),
            systems.stock_in_erp(),
            now.hub.open,
            now.in_doubt,
            now.stopped
        ));
        tokio::time::sleep(LOOK_EVERY).await;
        Ok(())
    }
}
