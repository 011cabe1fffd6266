"""Every error a user can cause, each with the culprit and what to do next."""


class DsfError(Exception):
    """Base of the errors that a caller can cause and mend."""


class LanguageError(DsfError):
    """A step or declaration that the language has no meaning for."""


class ShapeError(LanguageError):
    """Operands whose named sizes do not fit."""


class DomainError(LanguageError):
    """An operation that is undefined somewhere on the domain of its operand, the `culprit`."""

    def __init__(self, message: str, culprit: object = None) -> None:
        super().__init__(message)
        self.culprit = culprit


class NotAffine(DsfError):
    """A step that is not affine in the state; the message shows the term that breaks it."""


class UnknownName(DsfError):
    """A layer, signal or size that does not exist; the message names the nearest ones."""


class LoadError(DsfError):
    """A file that cannot be loaded as a layer."""


class SizeError(DsfError):
    """Sizes that are missing, not positive, or too large for this machine."""


class CertificateError(DsfError):
    """A certificate that cannot be read."""


class Rejected(DsfError):
    """A certificate whose check failed; the message is the identity that fails."""
