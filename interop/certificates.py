"""Certificates, good and bad, made for a run."""

import datetime
import ipaddress
from functools import cached_property
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from bootstrap import HOST

# Java asks for one.
PASSWORD = "interop"
DAY = datetime.timedelta(days=1)


class Identity(NamedTuple):
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def serial(self):
        return self.certificate.serial_number


class Authority:
    """Issues certificates."""

    def __init__(self, name):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = named(name)
        builder = draft(subject, subject, key, -DAY, 30 * DAY)
        builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
        self._own = Identity(builder.sign(key, hashes.SHA256()), key)

    @property
    def certificate(self):
        return self._own.certificate

    def issue(self, name, addresses=(HOST,), uris=(), expired=False):
        """For the host name, the addresses, and the URIs."""
        key = ec.generate_private_key(ec.SECP256R1())
        start, end = (-3 * DAY, -DAY) if expired else (-DAY, 29 * DAY)
        names = [
            x509.DNSName(name),
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
            *map(x509.UniformResourceIdentifier, uris),
        ]
        builder = draft(named(name), self.certificate.subject, key, start, end)
        builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return Identity(builder.sign(self._own.key, hashes.SHA256()), key)


class Folder:
    """The files of one party: its certificate and key, if it has one, and the authority
    that it trusts, if any; for Java also as PKCS#12."""

    def __init__(self, path, identity=None, trusted=None):
        self.path = path
        path.mkdir(parents=True)
        if trusted:
            self.trust(trusted)
        if identity:
            self.show(identity)

    def __str__(self):
        return str(self.path)

    @cached_property
    def files(self):
        names = ("cert.pem", "key.pem", "ca.pem")
        return [str(self.path / name) for name in names]

    def trust(self, authority):
        certificate = authority.certificate
        self._replace("ca.pem", certificate.public_bytes(serialization.Encoding.PEM))
        trusted = pkcs12.PKCS12Certificate(certificate, b"trusted")
        store = pkcs12.serialize_java_truststore([trusted], encryption())
        self._replace("trust.p12", store)

    def show(self, identity):
        certificate, key = identity
        self._replace("cert.pem", certificate.public_bytes(serialization.Encoding.PEM))
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self._replace("key.pem", pem)
        store = pkcs12.serialize_key_and_certificates(b"own", key, certificate, None, encryption())
        self._replace("own.p12", store)

    def _replace(self, name, content):
        """At once, so that nobody reads half a file."""
        new = self.path / f"{name}.new"
        new.write_bytes(content)
        new.rename(self.path / name)


def named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def draft(subject, issuer, key, start, end):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + start)
        .not_valid_after(now + end)
    )


def encryption():
    # Few rounds, as nothing here is secret.
    return (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(1000)
        .hmac_hash(hashes.SHA256())
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .build(PASSWORD.encode())
    )
