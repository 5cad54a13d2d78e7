"""What a terminal meets on its loading line, made in software: CAs, load rooms good and bad, their messages (PROTOCOL.md)."""
import datetime
import hashlib
import os

from cryptography import x509
from cryptography.hazmat.primitives import cmac, hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.x509.oid import NameOID

HELLO, OFFER, KEY, ZEROIZE, RECEIPT, ABORT, IDENTIFY, CSR, CERT, DONE = 1, 2, 3, 4, 5, 6, 16, 17, 18, 19
NAMES = {KEY: b"KEY", ZEROIZE: b"ZEROIZE", CERT: b"CERT"}
N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
UTC = (1_760_000_000).to_bytes(8, "big")


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def point_of(key):
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def public_of(point):
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def spki_digest(key):
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return sha256(key.public_key().public_bytes(serialization.Encoding.DER, spki))


def sign(key, digest):
    """r || s, the lower s."""
    r, s = utils.decode_dss_signature(key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256()))))
    return r.to_bytes(32, "big") + min(s, N - s).to_bytes(32, "big")


def certificate(name, point, ca, ca_name, **subject):
    """DER. One that it says of itself is a CA's."""
    def named(cn, more):
        more = {NameOID.COMMON_NAME: cn} | {getattr(NameOID, k.upper()): v for k, v in more.items()}
        return x509.Name([x509.NameAttribute(k, v) for k, v in more.items()])
    builder = (x509.CertificateBuilder().subject_name(named(name, subject)).issuer_name(named(ca_name, {}))
               .public_key(public_of(point)).serial_number(77)
               .not_valid_before(datetime.datetime(2020, 1, 1)).not_valid_after(datetime.datetime(2040, 1, 1))
               .add_extension(x509.BasicConstraints(name == ca_name, None), True))
    return builder.sign(ca, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def sized(n, b):
    return len(b).to_bytes(n, "big") + b


class Session:
    """A transcript, type and message at a time, and messages that go on from it."""

    def __init__(self, *said):
        self.h = sha256(b"keyroom/1 transcript")
        for message in said:
            self.h = sha256(self.h, message[:1], sized(4, message[1:]))

    def signed(self, kind, body, key):
        return bytes([kind]) + body + sign(key, sha256(b"keyroom/1 ", NAMES[kind], b"\0", self.h, sized(4, body)))


class Enrolment:
    """A ca room, that of a terminal or another: its device CA and its KIF CA."""

    def __init__(self):
        self.root, self.kif_ca = new_key(), new_key()
        self.anchor = certificate("KIF CA", point_of(self.kif_ca), self.kif_ca, "KIF CA")

    def identify(self, environment=None):
        return bytes([IDENTIFY, 1, 1]) + (environment or spki_digest(self.root)) + UTC + bytes(16) + os.urandom(32)

    def cert(self, session, csr, signer=None, issuer=None):
        """CERT for the terminal of this CSR, signed by `signer`, its certificate by `issuer`: this root unless told."""
        serial, point = csr[2:2 + csr[1]], csr[2 + csr[1]:2 + csr[1] + 65]
        own = certificate("T", point, issuer or self.root, "Device CA", serial_number=serial.decode())
        body = point_of(self.root) + sized(2, own) + sized(2, self.anchor) + sized(2, b"environment = test\n")
        return session.signed(CERT, body, signer or self.root)


class LoadRoom:
    """Whose certificate the KIF CA of this enrolment issues, unless it comes from another."""

    def __init__(self, enrolment, epoch, kif_ca=None, environment=None):
        self.key, self.real = new_key(), spki_digest(enrolment.kif_ca)
        self.environment = environment or self.real
        self.cert = certificate("KIF", point_of(self.key), kif_ca or enrolment.kif_ca, "KIF CA",
                                organizational_unit_name=f"epoch {epoch}")

    def hello(self):
        return bytes([HELLO, 1, 1]) + self.environment + UTC + os.urandom(16) + sized(2, self.cert)

    def keyed(self, session, offer, slot, signer=None, environment=None, ksn=None):
        """KEY for an OFFER: a new AES-128 initial key, with a new KSN unless told."""
        at = 3 + int.from_bytes(offer[1:3], "big") + 16
        mine = new_key()
        head = (environment or self.real) + bytes([slot, 2]) + b"B1" + sized(1, ksn or os.urandom(8) + bytes(4)) + point_of(mine)
        z = mine.exchange(ec.ECDH(), public_of(offer[at:at + 65]))
        ctx, kek = sha256(b"keyroom/1 kdf\0", session.h, sized(4, head)), b""
        for i in (1, 2):
            c = cmac.CMAC(algorithms.AES(z))
            c.update(i.to_bytes(4, "big") + b"KRM1-IK\0" + ctx + b"\0\0\1\0")
            kek += c.finalize()
        item = b"KRM1-IK" + sized(1, keywrap.aes_key_wrap_with_padding(kek, os.urandom(16)))
        return session.signed(KEY, head + b"\1" + item, signer or self.key)

    def zeroize(self, session, slot, signer=None):
        return session.signed(ZEROIZE, self.real + bytes([slot, 1]), signer or self.key)
