"""Plain functions: nothing to import, nothing to register. Each becomes a socket that can be called."""


def greet(name: str, greeting: str = "Hello") -> str:
    "A greeting for one person"
    return f"{greeting}, {name}!"


def shout(text: str) -> str:
    "The text in capitals"
    print("shouting", repr(text))  # what a function prints is the log of its call
    return text.upper()


def count_words(text: str) -> dict[str, int]:
    "How often each word is in the text"
    counts: dict[str, int] = {}
    for word in text.lower().split():
        word = word.strip(".,;:!?")
        counts[word] = counts.get(word, 0) + 1
    return counts


def add(left: float, right: float) -> float:
    "The sum of two numbers"
    return left + right


def total(numbers: list[float]) -> float:
    "The sum of many numbers"
    return sum(numbers)


def divide(dividend: float, divisor: float) -> float:
    "A quotient; raises when the divisor is zero, to show how a failure looks"
    return dividend / divisor


def sort_out(number: int, plugs: dict) -> None:
    "Sends the number on the output named even or odd"
    plugs["even" if number % 2 == 0 else "odd"] = number
