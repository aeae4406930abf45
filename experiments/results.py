"""Results of experiments that run for hours, row by row: experiments/results/NAME.json."""
import json
import os

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results")


def load(name):
    """Rows by key; none where there is no file."""
    path = os.path.join(FOLDER, f"{name}.json")
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        return json.load(file)


def keep(name, rows):
    """Writes the rows; the file is the old or the new one at any time."""
    os.makedirs(FOLDER, exist_ok=True)
    path = os.path.join(FOLDER, f"{name}.json")
    with open(path + ".part", "w") as file:
        file.write(json.dumps(rows, indent=2) + "\n")
    os.replace(path + ".part", path)
