//! Opening the house: data directory, store, templates, desk; for the daemon and for commands while none runs.

use crate::clock::Clock;
use crate::config;
use crate::config::Config;
use crate::config::mailbox::Mailbox;
use crate::config::messenger::MessengerKey;
use crate::config::messenger::TokenAlgorithm;
use crate::config::relay::Dkim;
use crate::config::workspace::Support;
use crate::daemon::data_dir::DataDir;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use crate::desk::Brand;
use crate::desk::Desk;
use crate::desk::Files;
use crate::desk::IdentitySettings;
use crate::desk::IntakeSettings;
use crate::desk::Settings;
use crate::desk::SupportAddress;
use crate::desk::TrustSettings;
use crate::desk::broadcasts::BroadcastSettings;
use crate::desk::mail::signing::Signer;
use crate::desk::mail::signing::Signers;
use crate::desk::people::identity_keys::IdentityKey;
use crate::desk::people::identity_keys::KeyKind;
use crate::domain::address::Address;
use crate::domain::page::Page;
use crate::store;
use crate::store::Store;
use crate::store::attempts::Attempts;
use crate::store::backup::STORE_FILE;
use crate::store::blobs::Blobs;
use crate::store::migrate;
use crate::store::sealing::Sealer;
use crate::template::TemplateSet;
use crate::template::Templates;
use crate::template::brands_in;
use crate::template::overrides;
use crate::template::signature::Signature;
use std::collections::BTreeMap;

/// Everything that is open. The directory's lock goes last.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) desk: Desk,
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) data_dir: DataDir,
}

/// Opens what the configuration names.
///
/// # Errors
/// [`Exit::Config`] for templates, [`Exit::Store`] for a store that cannot be read or is newer, [`Exit::TryAgain`] when
/// another process has it or the disk is full.
pub(crate) async fn open(config: &Config) -> Result<House, Failure> {
    let templates = templates(config)?;
    let data_dir = DataDir::lock(&config.data_dir)?;
    let clock = Clock::default();
    let (path, clock_of_files) = (data_dir.path().to_owned(), clock.clone());
    let opened = tokio::task::spawn_blocking(move || {
        let store_path = path.join(STORE_FILE);
        if !store_path.exists() && Blobs::are_in(&path)? {
            return Err(store::Error::Gone { path: store_path.display().to_string() });
        }
        let store = Store::open_or_create(&store_path)?;
        migrate::run(&store)?;
        let blobs = Blobs::open(&path, clock_of_files)?;
        Ok((store, Files { blobs, attempts: Attempts::open(&path)?, sealer: Sealer::open(&path)? }))
    });
    let opened = opened.await.map_err(|error| Failure::doing("open the store", error))?;
    let (store, files) = opened.map_err(|error| Failure::opening(&error))?;
    let blobs = files.blobs.clone();
    let desk = Desk::open(store.clone(), files, clock, templates, settings(config)?).await;
    let desk = desk.map_err(|error| match error {
        crate::desk::Error::Full => Failure::from(error),
        other => Failure::new(Exit::Store, other.to_string()),
    })?;
    Ok(House { desk, store, blobs, data_dir })
}

/// The checked templates of the configuration.
pub(crate) fn templates(config: &Config) -> Result<TemplateSet, Failure> {
    let refused = |error: String| Failure::new(Exit::Config, format!("template {error}"));
    let files = template_files(config).map_err(refused)?;
    let built = Templates::build(&files).map_err(|error| refused(error.to_string()))?;
    Ok(TemplateSet::new(built))
}

/// The files of the template directory, those of brands among them, which must all be brands of the configuration.
///
/// # Errors
/// What cannot be read, or is nobody's.
pub(crate) fn template_files(config: &Config) -> Result<BTreeMap<String, String>, String> {
    let files = config.templates_dir.as_deref().map(overrides).transpose().map_err(|error| error.to_string())?;
    let files = files.unwrap_or_default();
    let brands = brands_in(&files).map_err(|error| error.to_string())?;
    let is_known = |id: &&str| config.brands.iter().any(|brand| brand.id == *id);
    if let Some(id) = brands.into_iter().find(|id| !is_known(id)) {
        return Err(format!("brands/{id}: there is no [[brand]] with this id"));
    }
    Ok(files)
}

/// What of the configuration the desk needs.
pub(super) fn settings(config: &Config) -> Result<Settings, Failure> {
    let brand = |brand: &config::workspace::Brand| Brand {
        id: brand.id.clone(),
        name: brand.name.clone(),
        default_locale: brand.default_locale.clone(),
    };
    let main = config.support.first().ok_or_else(|| Failure::new(Exit::Config, "no support address"))?;
    Ok(Settings {
        workspace_name: config.workspace.name.clone(),
        default_locale: config.workspace.default_locale.clone(),
        time_zone: config.workspace.time_zone.clone(),
        public_url: config.http.public_url.clone(),
        main_address: support_address(main)?,
        support: config.support.iter().map(support_address).collect::<Result<_, _>>()?,
        brands: config.brands.iter().map(brand).collect(),
        unseen_delay: config.notify.unseen_delay,
        state_mail_settle: config.notify.state_mail_settle,
        mail_contacts: config.notify.mail_contacts,
        broadcasts: BroadcastSettings {
            confirm_over: config.limits.broadcast_confirm_over,
            posts_per_s: config.limits.broadcast_posts_per_s,
        },
        identity: IdentitySettings {
            enforced: config.messenger.identity_enforced,
            secret: config.messenger.secret.as_ref().map(|secret| secret.reveal().to_vec()),
            keys: config.messenger.keys.iter().map(identity_key).collect::<Result<_, _>>()?,
        },
        disk_reserve_bytes: config.limits.disk_reserve_bytes,
        tickets: config.tickets,
        signers: signers(config)?,
        keep_uncertain: config.notify.keep_uncertain,
        sent_from: config.mailboxes.iter().flat_map(Mailbox::sent_from).cloned().collect(),
        trust: TrustSettings {
            authserv_id: config.smtp.trusted_authserv_id.clone(),
            strict_senders: addresses_where(config, |support| support.strict_senders),
        },
        intake: IntakeSettings {
            multi_address: config.workspace.multi_address,
            subject_matching: addresses_where(config, |support| support.subject_matching),
            spam_mark: config.smtp.spam_mark.clone(),
            blocked_senders: config.smtp.blocked_senders.clone(),
        },
        mail_limits: config.limits.mail,
        retention: config.retention,
        page_origins: config
            .messenger
            .allowed_origins
            .iter()
            .filter_map(|origin| Some(Page::parse(origin)?.origin().to_owned()))
            .collect(),
    })
}

fn support_address(support: &Support) -> Result<SupportAddress, Failure> {
    let refused =
        |error| Failure::new(Exit::Config, format!("signature_template of [[support]] {}: {error}", support.address));
    Ok(SupportAddress {
        address: support.address.clone(),
        name: support.name.clone(),
        new_mail_as: support.new_mail_as.clone(),
        team: support.team.clone(),
        brand: support.brand.clone(),
        allowed_lists: support.allowed_lists.clone(),
        auto_ack: support.auto_ack,
        signature: support.signature_template.as_deref().map(Signature::compile).transpose().map_err(refused)?,
    })
}

fn addresses_where(config: &Config, holds: impl Fn(&Support) -> bool) -> Vec<Address> {
    config.support.iter().filter(|support| holds(support)).map(|support| support.address.clone()).collect()
}

/// The keys of `[[dkim]]`.
pub(crate) fn signers(config: &Config) -> Result<Signers, Failure> {
    let signer = |key: &Dkim| {
        let refused = |why| Failure::new(Exit::Config, format!("dkim.key_file of {}: {why}", key.domain));
        Signer::new(&key.domain, &key.selector, key.key.reveal()).map_err(refused)
    };
    Ok(Signers::new(config.dkim.iter().map(signer).collect::<Result<_, _>>()?))
}

fn identity_key(key: &MessengerKey) -> Result<IdentityKey, Failure> {
    let kind = match key.algorithm {
        TokenAlgorithm::Hs256 => KeyKind::Hs256,
        TokenAlgorithm::Rs256 => KeyKind::Rs256,
        TokenAlgorithm::Es256 => KeyKind::Es256,
    };
    let read = IdentityKey::read(kind, key.kid.clone(), key.key.reveal());
    read.map_err(|fault| {
        Failure::new(
            Exit::Config,
            format!("[[messenger_key]] {}: {fault}", key.kid.as_deref().unwrap_or("without kid")),
        )
    })
}
