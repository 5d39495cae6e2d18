"""A run as a bar chart: SVG, nothing else needed."""

from html import escape

# Pixels.
WIDTH, LABELS, FIGURES, BAR, GAP = 900, 280, 100, 14, 10

COLOURS = {"pkv": "#d6336c", "bare": "#adb5bd"}
PEERS = ["#4263eb", "#2b8a3e", "#e8590c", "#5f3dc4"]


def draw(run):
    """Requests per second, of what more than one server was asked for; the longest bar is as wide as there is room."""
    groups = {}
    for cell in run.cells.values():
        if cell.samples and cell.server != "redis":
            groups.setdefault(cell.workload.name, []).append(cell)
    colours = {**COLOURS, **{peer.name: PEERS[at % len(PEERS)] for at, peer in enumerate(run.peers)}}
    parts, y = legend(colours), 40
    for cells in (cells for cells in groups.values() if len(cells) > 1):
        most = max(middle(cell) for cell in cells)
        workload = cells[0].workload
        connections = f"{workload.connections} connection{'s' if workload.connections > 1 else ''}"
        parts.append(text(LABELS - 10, y + BAR - 3, f"{workload.text}, {connections}", "end"))
        for cell in cells:
            parts.append(bar(y, middle(cell) / most, colours[cell.server], f"{middle(cell):,.0f}".replace(",", " ")))
            y += BAR + 2
        y += GAP
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}"'
    style = 'font-family="sans-serif" font-size="11" fill="#495057"'
    # Readable on a dark page too.
    ground = f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>'
    return "\n".join([f"{frame} {style}>", ground, *parts, "</svg>", ""])


def middle(cell):
    return cell.spread(lambda sample: sample["rate"])[0]


def legend(colours):
    parts = [text(LABELS, 20, "requests per second, more is better:")]
    for at, (name, colour) in enumerate(colours.items()):
        x = LABELS + 215 + at * 100
        parts += [f'<rect x="{x}" y="11" width="10" height="10" fill="{colour}"/>', text(x + 15, 20, name)]
    return parts


def bar(y, share, colour, figure):
    length = max(1, (WIDTH - LABELS - FIGURES) * share)
    shape = f'<rect x="{LABELS}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>'
    return shape + text(LABELS + length + 6, y + BAR - 3, figure)


def text(x, y, words, anchor="start"):
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
