"""The channels' secrets, encrypted at rest."""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from huntaze_common.errors import ConfigurationError
from huntaze_common.secret import Secret

from huntaze_alerts.errors import Refused


class Vault:
    """Encrypts and decrypts with the newest of the keys that it was given."""

    def __init__(self, keys: Secret | None) -> None:
        """Take Fernet keys, separated by commas, the newest first; or none.

        Raises:
            ConfigurationError: one is no Fernet key.
        """
        try:
            parts = keys.reveal().split(",") if keys else []
            self._fernet = MultiFernet([Fernet(key.strip()) for key in parts]) if parts else None
        except ValueError:
            raise ConfigurationError(
                "CHANNEL_KEY is wrong: expected keys made by cryptography.fernet.Fernet.generate_key()"
            ) from None

    @property
    def closed(self) -> bool:
        """Whether there is no key."""
        return self._fernet is None

    def encrypt(self, secret: str) -> bytes:
        """Encrypt a secret.

        Raises:
            ConfigurationError: there is no key.
        """
        if self._fernet is None:
            raise ConfigurationError("CHANNEL_KEY is missing: a channel's secret can't be kept")
        return self._fernet.encrypt(secret.encode())

    def decrypt(self, token: bytes | None) -> str:
        """Return a secret.

        Raises:
            Refused: the key is gone, or there never was a secret.
        """
        try:
            if self._fernet is not None and token is not None:
                return self._fernet.decrypt(token).decode()
        except InvalidToken:
            pass
        raise Refused("the channel's secret can't be read: CHANNEL_KEY has changed")
