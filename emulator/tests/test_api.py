"""The package's public names, which load on first use."""

import pytest

import s3batch_emulator
from s3batch_emulator import api


@pytest.mark.parametrize("name", api.__all__)
def test_every_public_name_is_one_of_the_package(name: str) -> None:
    """And is what the module of its definition has."""
    assert getattr(s3batch_emulator, name) is getattr(api, name)


@pytest.mark.parametrize("name", ["no_such_name", "_private", "__wrapped__"])
def test_other_names_are_missing(name: str) -> None:
    """As in any module; tools look for dunder names everywhere."""
    assert not hasattr(s3batch_emulator, name)
