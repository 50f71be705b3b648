"""The explorer's page, as its reader handles it: a number typed, and all numbers looked at."""


def ready(page):
    page.wait_for_selector("body[data-ready]")
    return page


def typed(page, name, text):
    """Type into the field of a leaf."""
    page.get_by_label(name, exact=True).fill(text)


def all_numbers(page):
    """Of each node that has a box of its own, its number and gradient to the last digit, by name.

    They stand in the panel beside the graph while the pointer is on the box.
    """
    found = page.evaluate(
        """() => [...document.querySelectorAll("#graph [data-box][aria-label]")].map((box) => {
            box.dispatchEvent(new MouseEvent("mouseenter"));
            const terms = [...document.querySelectorAll("#details dt")]
                .map((each) => [each.textContent, each.nextSibling.textContent]);
            box.dispatchEvent(new MouseEvent("mouseleave"));
            return [box.getAttribute("aria-label").split(", ")[0], Object.fromEntries(terms)];
        })"""
    )
    return {name: (_number(terms["data"]), _number(terms["gradient"])) for name, terms in found}


def _number(text):
    return 0.0 if text.startswith("none") else float(text.replace("−", "-").replace("∞", "inf"))
