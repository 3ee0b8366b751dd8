"""TLS by files: answers are encrypted, and a renewed certificate is read on SIGHUP without a restart."""

import datetime as dt
import http.client
import os
import signal
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.service.client import serving


def write_certificate(folder, serial):
    """Write a certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dates = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
    made = dates.serial_number(serial).sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*pem))


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    write_certificate(folder, 1)
    return folder


@pytest.fixture(scope="module")
def service(room, served):
    options = ["--certificate", str(room / "cert.pem"), "--key", str(room / "key.pem")]
    with serving(served, *options) as running:
        yield running


def serial(service):
    pem = ssl.get_server_certificate(("127.0.0.1", service.port))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def test_an_image_is_decided_over_tls(service, photos):
    unchecked = ssl._create_unverified_context()  # noqa: S323  the certificate vouches for itself
    connection = http.client.HTTPSConnection("127.0.0.1", service.port, timeout=30, context=unchecked)
    connection.request("POST", "/v1/decisions", photos["a.jpg"], {"Content-Type": "image/jpeg"})
    assert connection.getresponse().status == 200


def test_a_request_without_tls_gets_no_answer(service, photos):
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        service.decide(photos["a.jpg"])


def test_a_renewed_certificate_is_taken_on_sighup(service, room):
    before = serial(service)
    write_certificate(room, before + 1)
    os.kill(service.process.pid, signal.SIGHUP)
    assert service.wait_for(lambda: serial(service) == before + 1)
