//! The fixed line after each thing a caller may say that ends the conversation. None tells a stranger anything.

use crate::hear::Interruption;

pub(super) const fn name(interruption: Interruption) -> &'static str {
    match interruption {
        Interruption::Cease => "noted_cease",
        Interruption::Attorney => "noted_attorney",
        Interruption::Bankruptcy => "noted_bankruptcy",
        Interruption::Dispute => "noted_dispute",
        Interruption::AlreadyPaid => "noted_already_paid",
        Interruption::IdentityTheft => "noted_identity_theft",
        Interruption::WrongNumber => "noted_wrong_number",
        Interruption::Deceased => "noted_deceased",
        Interruption::Minor => "noted_minor",
        Interruption::Hardship => "noted_hardship",
        Interruption::Crisis => "noted_crisis",
        Interruption::Language => "noted_language",
        Interruption::BadTime => "noted_bad_time",
        Interruption::Person => "noted_person",
        Interruption::RecordingRefused => "noted_recording_refused",
        Interruption::Refusal => "noted_refusal",
    }
}

pub(super) const fn text(interruption: Interruption) -> &'static str {
    match interruption {
        Interruption::Cease => "I understand. I have noted that you do not want our calls, and I end this one now.",
        Interruption::Attorney => {
            "Thank you for telling me. I have noted that you have an attorney, and I end here. Please have your attorney \
             write to us at the address on our letter."
        }
        Interruption::Bankruptcy => {
            "Thank you for telling me. I have noted that, and I end here. Please send us the number of your case, at the \
             address on our letter."
        }
        Interruption::Dispute => {
            "I have noted that you dispute this, and I ask for nothing further today. A person will look at it. You can \
             also tell us why in writing, at the address on our letter."
        }
        Interruption::AlreadyPaid => {
            "Thank you for telling me. I have noted that, and a person will check it. I ask for nothing further today."
        }
        Interruption::IdentityTheft => {
            "I am sorry to hear that. I have noted that this may not be yours. A person from our team will look at it and \
             be in touch."
        }
        Interruption::WrongNumber => "I am sorry to have troubled you. I have noted that this is the wrong number.",
        Interruption::Deceased => "I am very sorry for your loss. I have noted it, and I end here.",
        Interruption::Minor => "Thank you. I need to speak with an adult, so I end this call now.",
        Interruption::Hardship => {
            "Thank you for telling me. That sounds hard. I ask for nothing further today, and a person from our team will \
             be in touch to see how we can help."
        }
        Interruption::Crisis => {
            "I am very sorry that you feel this way. You matter more than this call. Please call or text nine eight eight \
             now, at any hour, to speak with someone who can help. I end our conversation here."
        }
        Interruption::Language => {
            "I am sorry, I speak only English. A person who speaks your language will be in touch."
        }
        Interruption::BadTime => {
            "Of course. I have noted that this is not a good time. You can call us back when it suits you."
        }
        Interruption::Person => "Of course. I have asked for a person from our team to speak with you.",
        Interruption::RecordingRefused => {
            "I understand. Calls on this line are recorded, so I end this one. You can write to us at the address on our \
             letter instead."
        }
        Interruption::Refusal => "I understand, and I have noted it. Thank you for telling me.",
    }
}
