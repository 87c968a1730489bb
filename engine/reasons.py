"""Why a connection to the engine failed, in a sentence for the operator."""

from __future__ import annotations

import errno
import os
import ssl

WANTS_TLS = "the engine speaks TLS on this port: set cacert, cert and key of docker.connection"
_SPEAKS_NO_TLS = "the engine does not speak TLS on this port: leave out cacert, cert and key, or take its TLS port"
_DENIES_US = "the engine does not accept the certificate in cert"
_NO_CERTIFICATE = "the engine wants a certificate: set cert and key of docker.connection"
_BAD_CERTIFICATE = f"{_DENIES_US}, or wants one: is it there, still valid, and of an authority that the engine trusts?"

# X509_V_ERR_… of OpenSSL.
_UNKNOWN_AUTHORITY = "the engine's certificate is not of the authority in cacert"
_OTHER_HOST = "the engine's certificate is for another host"
_CERTIFICATE_FAULTS = {
    9: "the engine's certificate is not valid yet",
    10: "the engine's certificate has expired",
    **dict.fromkeys((2, 7, 18, 19, 20, 21), _UNKNOWN_AUTHORITY),
    **dict.fromkeys((62, 64), _OTHER_HOST),
}
# RFC 8446 §6.2, as OpenSSL names the alerts.
_TLS_FAULTS = {
    **dict.fromkeys(("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"), _SPEAKS_NO_TLS),
    **dict.fromkeys(("SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_CERTIFICATE_UNKNOWN"), _BAD_CERTIFICATE),
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": f"{_DENIES_US}: it has expired",
    "TLSV1_ALERT_UNKNOWN_CA": f"{_DENIES_US}: it does not know its authority",
    **dict.fromkeys(("TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE"), _NO_CERTIFICATE),
}
_SYSTEM_FAULTS = {
    errno.ECONNREFUSED: "nobody listens there",
    errno.ENOENT: "there is no such socket",
    errno.EACCES: "this user may not open the engine's socket",
}


def reason(failure: OSError) -> str:
    """Return the sentence, with the system's own words behind it."""
    if isinstance(failure, ssl.SSLError):
        return _tls_reason(failure)
    words = failure.strerror or str(failure) or type(failure).__name__
    sentence = _SYSTEM_FAULTS.get(failure.errno or 0)
    # Words of others, as of ssh, say it better.
    own = words == os.strerror(failure.errno or 0) or words.startswith("Connect call failed")
    return f"{sentence} ({words})" if sentence and own else words


def _tls_reason(failure: ssl.SSLError) -> str:
    if isinstance(failure, ssl.SSLCertVerificationError):
        sentence = _CERTIFICATE_FAULTS.get(failure.verify_code, "the engine's certificate is not accepted")
        return f"{sentence} ({failure.verify_message.rstrip('.')})"
    # One that was not raised by OpenSSL has none.
    sentence = _TLS_FAULTS.get(getattr(failure, "reason", None) or "", "")
    words = failure.strerror or str(failure)
    return f"{sentence} ({words})" if sentence else words
