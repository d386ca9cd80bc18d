"""Made-up people, always the same, whose values occur nowhere else: what is found of them elsewhere has leaked."""

import csv
import io
import random
from dataclasses import asdict, astuple, dataclass, fields

_SYLLABLES = [
    "bax",
    "dorv",
    "fenk",
    "gral",
    "hux",
    "jort",
    "kwim",
    "lozz",
    "murb",
    "nyx",
    "prov",
    "quon",
    "sazz",
    "tirv",
]
_STATES = ["Virginia", "Texas", "Ohio", "Oregon", "Maine"]
_CITIES = ["Roanoke", "Houston", "Akron", "Salem", "Bangor"]


@dataclass(frozen=True)
class Person:
    id: str
    first_name: str
    last_name: str
    email: str
    gender: str
    address_1: str
    address_2: str
    city: str
    state: str
    zip: str
    phone: str

    @property
    def secrets(self) -> list[str]:
        """What is nobody else's, and nothing else."""
        return [
            secret for secret in (self.first_name, self.last_name, self.email, self.address_1, self.phone) if secret
        ]


def people(count: int, first: int = 1) -> list[Person]:
    """People with these numbers, each always the same. Every seventh has no phone, every eleventh no email address."""
    return [_person(number) for number in range(first, first + count)]


def _person(number: int) -> Person:
    dice = random.Random(number)  # noqa: S311 - repeatable is what is wanted
    one, other = ("".join(dice.choices(_SYLLABLES, k=4)) for _ in range(2))
    place = dice.randrange(len(_STATES))
    return Person(
        id=str(number),
        first_name=one.capitalize(),
        last_name=other.capitalize(),
        email="" if number % 11 == 0 else f"{one}.{other}{number}@{dice.choice(_SYLLABLES)}mail.example",
        gender=dice.choice(["Female", "Male"]),
        address_1=f"{dice.randint(100, 9999)} {dice.choice(_SYLLABLES).capitalize()}{other} Street",
        address_2="" if number % 5 else f"Apt. {number}",
        city=_CITIES[place],
        state=_STATES[place],
        zip=f"{dice.randint(10000, 99999)}",
        phone="" if number % 7 == 0 else f"{dice.randint(201, 989)}-{dice.randint(200, 999)}-{number % 10000:04d}",
    )


def file(of: list[Person], columns: list[str] | None = None) -> str:
    """A CSV file of them, with these columns or all."""
    columns = columns or [field.name for field in fields(Person)]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(person) for person in of)
    return text.getvalue()


def secrets(of: list[Person]) -> list[str]:
    """Every text that only these people have."""
    return sorted({secret for person in of for secret in person.secrets})


def rows(of: list[Person]) -> list[tuple]:
    """As a table has them, where nothing is replaced: an empty field is null."""
    return [tuple(value or None for value in astuple(person)) for person in of]
