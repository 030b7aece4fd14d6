"""Certificates: anybody can verify one offline; a mistake is visible on its page."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings
from django.db import IntegrityError, transaction

from hub.rewards import certificates, signing
from hub.rewards.models import Certificate
from hub.rewards.paper import as_pdf
from tests.hub.web.conftest import Town, Visitor

SUBJECT = {"subject": "task:vector-add"}


@pytest.fixture
def certificate(town: Town) -> Certificate:
    Visitor(town.people.alice).send("/certificates/issue/", SUBJECT)
    return Certificate.objects.get()


def files(certificate: Certificate) -> dict[str, bytes]:
    """What its page offers, as a stranger gets it."""
    client, place = Visitor(None).client, f"/certificates/{certificate.number}"
    paths = {
        "json": f"{place}/statement.json",
        "sig": f"{place}/statement.sig",
        "key": "/certificates/key.pem",
    }
    return {name: client.get(path).content for name, path in paths.items()}


def test_the_files_of_a_certificate_verify_with_the_published_key_alone(certificate: Certificate) -> None:
    got = files(certificate)
    key = load_pem_public_key(got["key"])
    key.verify(got["sig"], got["json"])  # type: ignore[union-attr, call-arg]
    with pytest.raises(InvalidSignature):
        key.verify(got["sig"], got["json"].replace(b"alice", b"alicf"))  # type: ignore[union-attr, call-arg]
    said = json.loads(got["json"])
    assert said["holder"]["username"] == "alice"
    assert said["verify"] == f"{settings.SITE_URL}/certificates/{certificate.number}/"
    assert said["key_sha256"] == signing.fingerprint()


def test_the_command_on_the_page_verifies_it(certificate: Certificate, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None or b"OpenSSL 3" not in subprocess.check_output([openssl, "version"]):
        pytest.skip("no OpenSSL 3 here")
    page = Visitor(None).get(f"/certificates/{certificate.number}/")
    command = next(line for line in page.splitlines() if line.startswith("openssl pkeyutl"))
    got, number = files(certificate), certificate.number
    (tmp_path / "key.pem").write_bytes(got["key"])
    (tmp_path / f"{number}.json").write_bytes(got["json"])
    (tmp_path / f"{number}.sig").write_bytes(got["sig"])
    done = subprocess.run(
        command.split("<")[0].split(), cwd=tmp_path, capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, b"Signature Verified Successfully")


@pytest.mark.slow
def test_the_private_key_is_the_owners_alone_and_stays(certificate: Certificate) -> None:
    path = settings.DATA_DIR / "secrets" / "certificates.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = signing.public_pem()
    signing._make_key(path)  # as another process that found none either
    assert signing.public_pem() == before
    assert b"PRIVATE" not in files(certificate)["key"]


def test_asking_again_gives_the_same_certificate(town: Town, certificate: Certificate) -> None:
    Visitor(town.people.alice).send("/certificates/issue/", SUBJECT)
    assert Certificate.objects.count() == 1
    assert certificate.number in Visitor(None).get("/people/alice/")


def test_what_somebody_has_not_done_is_not_certified(town: Town) -> None:
    for subject in ("task:vector-add", "course:first-operator", "task:none", ""):
        page = Visitor(town.people.bob).send("/certificates/issue/", {"subject": subject})
        assert "There is nothing to certify" in page
    assert Certificate.objects.count() == 0


def test_a_revoked_certificate_says_so_and_why(town: Town, certificate: Certificate) -> None:
    place = f"/certificates/{certificate.number}/"
    assert "Valid: this hub signed exactly this" in Visitor(None).get(place)
    for who in (town.people.alice, town.people.bob, town.people.mei):
        Visitor(who).send(f"{place}revoke/", {"why": "no"}, status=403)
    assert "Say why you revoke it" in Visitor(town.people.max).send(f"{place}revoke/", {"why": " "})
    Visitor(town.people.max).send(f"{place}revoke/", {"why": "The wrong account."})
    page = Visitor(None).get(place)
    assert "The wrong account." in page
    assert "Valid:" not in page
    assert "It is revoked already." in Visitor(town.people.max).send(f"{place}revoke/", {"why": "again"})
    Visitor(town.people.alice).send("/certificates/issue/", SUBJECT)
    assert Certificate.objects.filter(revoked_at=None).count() == 1


def test_a_statement_that_was_changed_in_the_database_is_not_called_valid(certificate: Certificate) -> None:
    changed = certificate.statement.replace("Vector addition", "Everything")
    Certificate.objects.update(statement=changed.replace('"alice"', '"mallory"'))
    page = Visitor(None).get(f"/certificates/{certificate.number}/")
    assert "Valid:" not in page
    assert "The signature is not one of the key" in page


def test_the_pdf_is_the_same_each_time_and_has_two_pages(town: Town, certificate: Certificate) -> None:
    answer = Visitor(None).client.get(f"/certificates/{certificate.number}/certificate.pdf")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content == as_pdf(certificate)
    assert answer.content.startswith(b"%PDF-")
    assert b"/Count 2" in answer.content
    assert b"/STSong-Light" in answer.content
    assert f"/certificates/{certificate.number}/".encode() in answer.content  # the link


def test_who_leaves_takes_their_certificates_along_and_they_still_verify(
    town: Town, certificate: Certificate
) -> None:
    saved = files(certificate)
    certificates.forget(town.people.alice)
    Visitor(None).get(f"/certificates/{certificate.number}/", status=404)
    load_pem_public_key(saved["key"]).verify(saved["sig"], saved["json"])  # type: ignore[union-attr, call-arg]


def test_the_database_keeps_one_valid_certificate_and_no_revocation_without_a_reason(
    certificate: Certificate,
) -> None:
    with pytest.raises(IntegrityError, match="certificate_revoked_with_a_reason"), transaction.atomic():
        Certificate.objects.update(revoked_at=certificate.issued_at, revoked_by=certificate.user)
    certificate.pk, certificate.number = None, "TS-0000000000"
    with pytest.raises(IntegrityError, match=r"certificate_one_valid|subject"), transaction.atomic():
        certificate.save()
