//! What is left of any changes, in any order and any number of times, held against what a person would say of all of them
//! together.

use super::*;

/// A change with nothing but what matters.
#[derive(Clone, Debug)]
enum Told {
    Assign { id: u8, of: u8, published: i64, priority: i32 },
    Revoke { id: u8, of: u8, published: i64 },
}

impl Told {
    fn change(&self) -> Change {
        match self {
            Self::Assign { id, of, published, priority } => {
                assign(Assignment { priority: *priority, ..assignment(&format!("as-{id}"), *of, *published) })
            }
            Self::Revoke { id, of, published } => revoke(&format!("as-{id}"), *of, *published),
        }
    }
}

/// The assignments that nothing has revoked: neither by their id nor by a later word about their account.
fn left(told: &[Told]) -> BTreeMap<String, u8> {
    let is_revoked = |id: u8, of: u8, published: i64| {
        told.iter().any(|other| match other {
            Told::Revoke { id: revoked, of: account, published: at } => {
                *revoked == id || (*account == of && *at >= published)
            }
            Told::Assign { .. } => false,
        })
    };
    let one = |told: &Told| match told {
        Told::Assign { id, of, published, .. } if !is_revoked(*id, *of, *published) => Some((format!("as-{id}"), *of)),
        Told::Assign { .. } | Told::Revoke { .. } => None,
    };
    told.iter().filter_map(one).collect()
}

/// Up to a dozen assignments, each id with one content, and revocations of these ids or of their own.
fn told() -> impl Strategy<Value = Vec<Told>> {
    let assigns = prop::collection::vec((0_u8..4, 0_i64..10, -2_i32..3), 0..12).prop_map(|all| {
        let one = |(id, (of, published, priority)): (u8, (u8, i64, i32))| Told::Assign { id, of, published, priority };
        (0_u8..).zip(all).map(one).collect::<Vec<_>>()
    });
    let revokes = prop::collection::vec((0_u8..20, 0_u8..4, 0_i64..10), 0..6);
    let revokes = revokes.prop_map(|all| {
        let one = |(id, of, published)| Told::Revoke { id, of, published };
        all.into_iter().map(one).collect::<Vec<_>>()
    });
    (assigns, revokes).prop_map(|(assigns, revokes)| [assigns, revokes].concat())
}

/// An order in which each comes once, and some come again.
fn deliveries() -> impl Strategy<Value = (Vec<Told>, Vec<usize>)> {
    told().prop_flat_map(|told| {
        let each: Vec<usize> = (0..told.len()).collect();
        let again = prop::collection::vec(0..told.len().max(1), 0..8);
        (Just(told), Just(each), again).prop_flat_map(|(told, each, again)| {
            let again = again.into_iter().filter(|place| *place < told.len());
            let order: Vec<usize> = each.into_iter().chain(again).collect();
            (Just(told), Just(order).prop_shuffle())
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_left_does_not_depend_on_the_order_or_on_repetition((told, order) in deliveries()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut rig = Rig::new().await;
            for (second, place) in (20_i64..).zip(order) {
                rig.change(told[place].change(), second).await;
            }
            let waiting = rig.queue.waiting(1_000).await.unwrap();
            let found: BTreeMap<String, u8> = waiting
                .iter()
                .map(|waiting| {
                    let of = waiting.account.as_str().trim_start_matches("CA-").parse().unwrap();
                    (waiting.id.as_ref().unwrap().as_str().to_owned(), of)
                })
                .collect();
            assert_eq!(found, left(&told), "{told:?}");
            assert_eq!(found.len(), waiting.len(), "each once");
            assert!(waiting.is_sorted_by_key(|waiting| std::cmp::Reverse(waiting.priority)));
        });
    }
}
