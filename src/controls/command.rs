//! `tonegate control`: what operators do, on machines of their own.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result, bail};
use backends::{
    audit::Signer,
    control::{Action, Approval, Control, Terms},
};
use jiff::{SignedDuration, Timestamp};
use tracing_subscriber::EnvFilter;
use uuid::Uuid;

use super::{measure, names, text};
use crate::{arguments::ProposeOptions, config::Config};

/// Makes a pair of keys: the private one into a new file for its owner alone, the public one to standard output.
pub(crate) fn generate(name: &str, output: &Path) -> Result<()> {
    let signer = Signer::create(name, output)?;
    writeln!(io::stdout().lock(), "{}", signer.verifier())?;
    let advice = "the private key is in this file; keep it with its operator, and the line above in control.operators";
    writeln!(io::stderr().lock(), "{}: {advice}", output.display())?;
    Ok(())
}

/// Writes what two operators are to sign into a new file, and shows it.
pub(crate) fn propose(options: &ProposeOptions) -> Result<()> {
    let approval = proposal(options, Timestamp::now())?;
    let unsigned = format!("{}\n", approval.text());
    let file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&options.output);
    let mut file = file.with_context(|| options.output.display().to_string())?;
    file.write_all(unsigned.as_bytes()).with_context(|| options.output.display().to_string())?;
    io::stdout().lock().write_all(approval.text().as_bytes())?;
    Ok(())
}

pub(super) fn proposal(options: &ProposeOptions, now: Timestamp) -> Result<Approval> {
    let config = Config::load(&options.config)?;
    let Some(control) = Control::named(&options.control) else {
        let known: Vec<&str> = Control::ALL.into_iter().map(Control::name).collect();
        bail!("{:?} is no control that can be weakened; use one of: {}", options.control, known.join(", "));
    };
    let action = if options.adopt { Action::Adopt } else { Action::Weaken };
    if !control.allows(action) {
        let other = if options.adopt {
            "without --adopt: it is lent for a time"
        } else {
            "with --adopt: it is changed for good"
        };
        bail!("{} is proposed {other}", control.name());
    }
    let value = match (control, &options.value) {
        (Control::LogLevel, Some(value)) => {
            EnvFilter::try_new(value).with_context(|| format!("--value: {value:?} is no filter"))?;
            value.clone()
        }
        (Control::LogLevel, None) => bail!("log.level needs --value, such as \"info,sip=debug\""),
        (Control::Processor | Control::Operators | Control::Audit | Control::Lines, Some(_)) => {
            bail!("the value is what the configuration says; leave --value out")
        }
        (Control::Processor | Control::Operators | Control::Audit | Control::Lines, None) => {
            measure::of(&config, control)
        }
    };
    let length = SignedDuration::from_mins(i64::from(options.minutes));
    if length.is_zero() || length > backends::control::LONGEST {
        bail!("--minutes: an approval holds for 1 to 1440");
    }
    let reason = options.reason.trim();
    if reason.is_empty() || reason.contains('\n') {
        bail!("--reason: say why, in one line");
    }
    let (node, reason) = (config.audit.node, reason.to_owned());
    Ok(Approval { node, control, action, value, from: now, until: now + length, id: Uuid::new_v4(), reason })
}

/// Shows a proposal, and signs it in its file.
pub(crate) fn sign(file: &Path, key: &Path) -> Result<()> {
    let signer = Signer::read(key)?;
    let proposal = text(file).with_context(|| file.display().to_string())?;
    let signed = Approval::sign(&proposal, &signer).with_context(|| file.display().to_string())?;
    let shown = signed.split_once("\n\n").map_or(signed.as_str(), |(text, _)| text);
    writeln!(io::stdout().lock(), "{shown}\n\nsigned as {}", signer.verifier().name())?;
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    fs::write(&partial, signed).and_then(|()| fs::rename(&partial, file)).with_context(|| file.display().to_string())
}

/// Says whether a gateway of this configuration would take a proposal now. Whether it was used before, the gateway's chain
/// alone knows.
pub(crate) fn check(file: &Path, config: &Path) -> Result<()> {
    let config = Config::load(config)?;
    let operators = config.operators().context("control.operators")?;
    let enrolled = names(&operators);
    let terms = Terms { node: config.audit.node.clone(), operators };
    let proposal = text(file).with_context(|| file.display().to_string())?;
    let accepted = Approval::accept(&proposal, &terms, Timestamp::now())
        .with_context(|| format!("{} is not taken (enrolled: {enrolled})", file.display()))?;
    let approval = &accepted.approval;
    let names = accepted.operators.join(" and ");
    let (control, until) = (approval.control.name(), approval.until);
    writeln!(io::stdout().lock(), "good: {control} by {names}, until {until}, if it was not used before")?;
    if approval.control != Control::LogLevel && approval.value != measure::of(&config, approval.control) {
        bail!("but it is for other settings than this configuration's");
    }
    Ok(())
}
