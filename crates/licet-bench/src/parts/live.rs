//! One instance with few against many live sessions.

use super::Charged;
use crate::{
    Error,
    bench::{Bench, Storage},
    plan::Part,
    setup,
};

pub(crate) const PARTS: &[Part] = &[Part::Live];
const FEW: u64 = 1_000;

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let (mut cases, mut charged) = (Vec::new(), Vec::new());
    let many = bench.plan.sessions.max(FEW + 1);
    let name = |sessions: u64| format!("live, {sessions} sessions");
    for sessions in [FEW, many] {
        let site = bench.site(Storage::Sqlite).await?;
        let instance_id = site.instance("LIVE").await?;
        setup::sessions(bench, &site, instance_id, sessions).await?;
        let one = Charged::one_by_one(bench, Part::Live, &site, vec![instance_id]).await?;
        let case = one.case(name(sessions), bench.plan.connections());
        cases.push(if sessions == FEW { case } else { case.against(name(FEW), None) });
        charged.push(one);
    }
    bench.measure(cases).await?;
    for one in &charged {
        one.prove(bench).await?;
    }
    Ok(())
}
