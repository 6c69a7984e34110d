"""The sealed columns of this floor."""

from settings_store.actions.applying import proposal_context
from settings_store.models import ChainKey, Proposal, SealedVersion, Setting, SettingImport
from settings_store.sealed import SealedColumn, add
from settings_store.store import secret_context
from settings_store.trail.chain import kept_chain_key


def _version_context(row: SealedVersion) -> str:
    return secret_context(row.version.setting.key, row.version.version)


# The chain keys first: nothing that rotation is stopped at may cost the trail its keys.
add(SealedColumn(ChainKey, "sealed", context=lambda row: kept_chain_key(row.key_id)))
add(
    SealedColumn(Setting, "sealed", context=lambda row: secret_context(row.key, row.version), environment="environment")
)
add(
    SealedColumn(
        SealedVersion,
        "sealed",
        context=_version_context,
        environment="version__setting__environment",
        related=("version__setting",),
    )
)
add(SealedColumn(Proposal, "sealed", context=proposal_context, environment="environment"))
add(SealedColumn(SettingImport, "sealed", context=lambda row: f"import:{row.public_id}"))
