"""The files of the demo, made anew each time and always the same.

demo_files.py FOLDER    writes each under the key that it will have in the landing bucket
"""

import csv
import gzip
import io
import random
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

FILMS = 1000
REVIEWS = 5000
ORDERS = 2000
CUSTOMERS = 500
# The one with personal data, which lands in another bucket.
CUSTOMERS_KEY = "partners/shop/customers/customers.csv"


def favourite_numbers() -> str:
    """The first file of the book: four people and their numbers."""
    return _csv([["name", "favorite_num"], ["Gareth", 23], ["Tracy", 28], ["Chris", 16], ["Emma", 14]])


def customers(count: int = CUSTOMERS) -> str:
    """Customers of a shop, with all that one should not know about them."""
    dice = random.Random(4000)  # noqa: S311
    first = ["Ada", "Ben", "Chloé", "Dmitri", "Esra", "Femi", "Greta", "Hiro"]
    last = ["Achterberg", "Brandt", "Castellano", "Duarte", "Eriksen", "Fontaine", "Goldman", "Hashimoto"]
    rows: list[list] = [["id", "name", "email", "phone", "born", "card", "state"]]
    for number in range(1, count + 1):
        one, other = dice.choice(first), dice.choice(last)
        rows.append(
            [
                number,
                f"{one} {other}",
                f"{one[0].lower()}.{other.lower()}{number}@example.org",
                f"+1 {dice.randint(201, 989)} 555 {dice.randint(0, 9999):04d}",
                date(1940, 1, 1) + timedelta(days=dice.randrange(24000)),
                f"4000 {dice.randint(0, 9999):04d} {dice.randint(0, 9999):04d} {dice.randint(0, 9999):04d}",
                dice.choice(["Maine", "Ohio", "Oregon", "Texas", "Virginia"]),
            ]
        )
    return _csv(rows)


def films(count: int = FILMS) -> str:
    """A full load as AWS DMS writes it (`AddColumnName=true`), with the columns of Sakila's film table."""
    dice = random.Random(1000)  # noqa: S311 - repeatable is what is wanted
    first = ["AMBER", "BORROWED", "COPPER", "DISTANT", "ELEVENTH", "FROZEN", "GENTLE", "HIDDEN", "INDIGO", "JUNIPER"]
    second = ["ALMANAC", "BRIDGE", "CARAVAN", "DELTA", "ECLIPSE", "FERRY", "GRANARY", "HARBOUR", "ISTHMUS", "JOURNEY"]
    who = ["two botanists", "two sisters", "some judges", "the night porters", "three divers", "nine strangers"]
    what = [
        "lose a map",
        "open a bakery",
        "share a secret",
        "cross a desert",
        "rebuild an organ",
        "miss the last train",
    ]
    where = ["in Lisbon", "under the ice", "at the end of the line", "on a barge", "in the year without a summer"]
    extras = ["Trailers", "Commentaries", "Deleted Scenes", "Behind the Scenes"]
    rows: list[list] = [
        [
            *["film_id", "title", "description", "release_year", "language_id", "original_language_id"],
            *["rental_duration", "rental_rate", "length", "replacement_cost", "rating", "special_features"],
            "last_update",
        ]
    ]
    for film in range(1, count + 1):
        rows.append(
            [
                film,
                f"{dice.choice(first)} {dice.choice(second)}",
                f"How {dice.choice(who)} {dice.choice(what)} {dice.choice(where)}",
                dice.randint(1990, 2006),
                1,
                "",
                dice.randint(3, 7),
                dice.choice(["0.99", "2.99", "4.99"]),
                dice.randint(46, 185),
                f"{dice.randint(9, 29)}.99",
                dice.choice(["G", "PG", "PG-13", "R", "NC-17"]),
                ",".join(e for e in extras if dice.random() < 0.5),
                "2006-02-15 05:03:42",
            ]
        )
    return _csv(rows)


def product_reviews(count: int = REVIEWS) -> str:
    """Tab-separated reviews, as people write them: quotes, line breaks, tabs and every script in the text."""
    dice = random.Random(2000)  # noqa: S311
    things = {
        "Kitchen": ["Cast-iron pan, 26 cm", "Chef's knife 8\"", "Kettle"],
        "Garden": ["Watering can", "Secateurs", "Tomato seeds (heirloom)"],
        "Music": ["Ukulele", "Metronome", "Guitar strings, 10 to 46"],
        "Books": ["A field guide to rivers", "Collected letters", "Maps & legends"],
    }
    heads = ["Does what it says", "Five stars", "Broke after a week", "Würde ich wieder kaufen", "最高です", "Meh"]
    bodies = [
        "Arrived on time, works well.",
        'My son calls it "the good one".',
        "Pro:\n- light\n- cheap\nContra:\n- none so far",
        "Très bien, mais un peu petit.",
        "長く使えそうです。",
        "Costs 12\tpaid 10. Fine.",
        "",
    ]
    rows: list[list] = [
        [
            *["review_id", "product_id", "product_title", "product_category", "star_rating", "helpful_votes"],
            *["total_votes", "verified_purchase", "review_headline", "review_body", "review_date"],
        ]
    ]
    for review in range(count):
        category = dice.choice(list(things))
        votes = dice.randint(0, 40)
        rows.append(
            [
                f"R{dice.getrandbits(48):012X}",
                f"{dice.randint(1, 99999):010d}",
                dice.choice(things[category]),
                category,
                dice.choices(range(1, 6), [8, 6, 11, 25, 50])[0],
                dice.randint(0, votes),
                votes,
                "true" if dice.random() < 0.8 else "false",
                dice.choice(heads),
                dice.choice(bodies),
                date(2026, 1, 1) + timedelta(days=review * 300 // count),
            ]
        )
    return _csv(rows, delimiter="\t")


def orders(count: int = ORDERS) -> str:
    """Orders of one month; postcodes keep their leading zeros, and some orders have no voucher."""
    dice = random.Random(3000)  # noqa: S311
    rows: list[list] = [["order_id", "ordered_at", "customer_no", "postcode", "items", "total", "gift", "voucher"]]
    moment = datetime(2026, 11, 1)
    for order in range(1, count + 1):
        moment += timedelta(seconds=dice.randint(30, 2500))
        rows.append(
            [
                500000 + order,
                moment,
                f"{dice.randint(1, 400):06d}",
                f"{dice.choice([1067, 4109, 7030, 10115, 20095, 80331]):05d}",
                dice.randint(1, 9),
                f"{dice.randint(500, 30000) / 100:.2f}",
                dice.choice(["true", "false"]),
                dice.choice(["", "", "", "AUTUMN"]),
            ]
        )
    return _csv(rows)


def write(folder: Path) -> list[str]:
    """Writes the files into the folder; their keys in the landing bucket are their paths in it."""
    files = {
        "cleanzonedb/csvtoparquet/test.csv": favourite_numbers().encode(),
        "sakila-db/sakila/film/LOAD00000001.csv": films().encode(),
        "partners/shop/product_reviews/reviews-2026.tsv.gz": gzip.compress(product_reviews().encode(), mtime=0),
        "partners/shop/orders/year=2026/month=11/orders.csv": orders().encode(),
        CUSTOMERS_KEY: customers().encode(),
    }
    for key, content in files.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return list(files)


def _csv(rows: list[list], delimiter: str = ",") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    print("\n".join(write(Path(sys.argv[1]))))
