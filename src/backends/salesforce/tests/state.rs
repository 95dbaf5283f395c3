//! What the book says of itself: outbound calls are held by it.

use ::book::salesforce::object::account;

use super::{delivery::Desk, *};
use crate::{book::AccountBook, tests::until};

#[tokio::test]
async fn a_book_is_proven_by_an_org_that_fits_and_until_one_does_not() {
    for profile in Profile::ALL {
        let desk = Desk::of(profile).await;
        let is_proven = || desk.book.state().is_proven;
        assert!(!is_proven(), "nobody has looked");
        desk.book.prove(soon()).await.unwrap();
        assert!(is_proven());
        let cease = desk.sample.mapping.field(account::CEASE).unwrap().path.as_str();
        assert!(desk.sample.rig.org.hide(&desk.api(Object::CollectionAccount), cease, true));
        desk.sample.rig.order("sobjects", Some(1), refused(503, "SERVER_UNAVAILABLE", ""));
        desk.book.prove(soon()).await.unwrap_err();
        assert!(is_proven(), "an org that does not tell changes nothing");
        desk.book.prove(soon()).await.unwrap();
        assert!(!is_proven());
    }
}

#[tokio::test]
async fn a_book_saves_requests_where_few_are_left_of_the_day() {
    let desk = Desk::of(Profile::CollectXpert).await;
    desk.sample.rig.read().await.unwrap();
    assert!(!desk.book.state().is_saving);
    desk.sample.rig.org.set_usage(96, 100);
    desk.sample.rig.read().await.unwrap();
    assert!(desk.book.state().is_saving);
}

#[tokio::test]
async fn connections_that_are_kept_warm_tell_whether_the_org_answers() {
    let desk = Desk::of(Profile::CollectXpert).await;
    for is_failing in [true, false] {
        if is_failing {
            desk.sample.rig.order("/services/data", None, Trouble::Html { status: 503 });
        } else {
            desk.sample.rig.org.clear_faults();
        }
        let book = Arc::clone(&desk.book);
        let warming = tokio::spawn(async move { book.keep_warm().await });
        until("news of the org", async || desk.book.state().is_failing == is_failing).await;
        warming.abort();
    }
}
