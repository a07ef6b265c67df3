"""Backpropagation worked by hand: the lecture's network and graphs, every number shown.

Above left: two sigmoid units below one, inputs 0.35 and 0.9, target 0.5; in each unit its output
(green), below it its delta (red), at each weight what it was and became. All deltas are taken from
the weights before the step; the lecture propagates through the output's weights after theirs, and
both ways are printed. Above right and below: f = (x + y) z, and a sigmoid unit of two inputs in
single operations; above each line what flows forward, below it the gradient that flows back. The
graphs are also printed in Graphviz's language.
"""

import numpy as np
from _example import GREEN, GREY, INK, RED, figure, options, save

from fastnn.models.backpropagation import ORDERS, SigmoidNetwork
from fastnn.models.computation_graph import trace

INPUTS, TARGET = (0.35, 0.9), (0.5,)
WEIGHTS = [[[0.1, 0.8], [0.4, 0.6]], [[0.3, 0.9]]]
GRAPHS = {
    "f = (x + y) z": trace(lambda x, y, z: (x + y) * z, x=-2, y=5, z=-4),
    "1 / (1 + exp(-(w0 x0 + w1 x1 + w2)))": trace(
        lambda w0, x0, w1, x1, w2: 1 / ((-(w0 * x0 + w1 * x1 + w2)).exp() + 1),
        w0=2, x0=-1, w1=-3, x1=-2, w2=-3,
    ),
}  # fmt: skip


def work_through():
    """{order: the step and the error t - o before and after it}, printed."""
    worked = {}
    for order in ORDERS:
        network = SigmoidNetwork(WEIGHTS)
        step = network.step(INPUTS, TARGET, order=order)
        before, after = (
            TARGET - outputs[-1] for outputs in (step.outputs, network.forward(INPUTS))
        )
        worked[order] = step, before.item(), after.item()
        hidden, output = step.deltas
        print(f"deltas {order}: output {output.item():.4f}, hidden {hidden[0]:.6f} {hidden[1]:.6f}")
        weights = np.concatenate([w.ravel() for w in reversed(step.weights)])
        print("  new weights", " ".join(f"{w:.6f}" for w in weights))
        print(f"  error {before.item():.5f} -> {after.item():.5f}")
    return worked


def draw_network(panel, step):
    """Units as circles, left to right."""
    heights = [(1.0, 0.0), (1.0, 0.0), (0.5,)]
    for layer, (old, new) in enumerate(zip(WEIGHTS, step.weights, strict=True)):
        for unit, row in enumerate(old):
            for below, w in enumerate(row):
                start, end = heights[layer][below], heights[layer + 1][unit]
                panel.plot([layer, layer + 1], [start, end], color=GREY, linewidth=0.9, zorder=1)
                at = 0.28 if start != end else 0.5
                panel.text(layer + at, start + at * (end - start),
                           f"{w:g} → {new[unit][below]:.4f}", fontsize=7.5, color=INK,
                           ha="center", va="center", zorder=2,
                           bbox={"color": "white", "pad": 1.2})  # fmt: skip
    deltas = [(None, None), *step.deltas]
    for layer, (outputs, delta) in enumerate(zip(step.outputs, deltas, strict=True)):
        for y, o, d in zip(heights[layer], outputs, delta, strict=True):
            panel.plot(layer, y, "o", color="white", markeredgecolor=INK, markersize=34, zorder=3)
            panel.text(layer, y, f"{o:.4g}", color=GREEN, fontsize=8, ha="center", va="center",
                       zorder=4)  # fmt: skip
            if d is not None:
                panel.text(layer, y - 0.29, f"{d:.4f}", color=RED, fontsize=8, ha="center")
    panel.text(2, 0.76, "target 0.5", fontsize=8, color=INK, ha="center")
    panel.set(xlim=(-0.25, 2.3), ylim=(-0.35, 1.25))


def draw_graph(panel, graph):
    """Operations as circles on the level of their farthest input; a line carries a value."""
    levels, places = graph.levels(), {}
    rows = iter(range(len(graph.inputs)))
    for value in graph.values:
        y = np.mean([places[p][1] for p in value.parents]) if value.parents else -next(rows)
        places[value] = (levels[value], y)
    for value in graph.values:
        if not value.parents:  # beside what takes it
            taken = min(levels[v] for v in graph.values if value in v.parents)
            places[value] = (taken - 1, places[value][1])
    ends = [(p, places[v]) for v in graph.values for p in v.parents]
    ends.append((graph.output, (levels[graph.output] + 1, places[graph.output][1])))
    for value, end in ends:
        (x, y), (x_end, y_end) = places[value], end
        panel.plot([x, x_end], [y, y_end], color=GREY, linewidth=0.9, zorder=1)
        at = 0.5 if y == y_end else 0.36  # where lines that meet are still apart
        beside = (x + at * (x_end - x), y + at * (y_end - y))
        for number, color, shift in ((value.value, GREEN, 9), (value.gradient, RED, -9)):
            panel.annotate(f"{number:.2f}", beside, (0, shift), textcoords="offset points",
                           color=color, fontsize=8, ha="center", va="center")  # fmt: skip
    for value, place in places.items():
        inside = bool(value.parents)
        panel.plot(*place, "o", color="white", markeredgecolor=INK if inside else "white",
                   markersize=30 if inside else 20, zorder=2)  # fmt: skip
        panel.text(*place, value.label.replace("*", r"$\times$"), color=INK,
                   fontsize=8 if inside else 9, ha="center", va="center", zorder=3)  # fmt: skip
    panel.set(xlim=(-0.3, levels[graph.output] + 1.1), ylim=(-len(graph.inputs) + 0.5, 0.5))


def main(argv=None):
    arguments = options(__doc__, argv)
    worked = work_through()
    for formula, graph in GRAPHS.items():
        print(f"{formula} = {graph.output.value:.4g}\n{graph.to_dot()}", end="")

    picture = figure(10, 6.4, "Backpropagation by hand: forward (green) and back (red)")
    cells = picture.add_gridspec(2, 20, height_ratios=(1, 1.25))
    panels = [picture.add_subplot(c) for c in (cells[0, :12], cells[0, 12:], cells[1, :])]
    draw_network(panels[0], worked["together"][0])
    for panel, graph in zip(panels[1:], GRAPHS.values(), strict=True):
        draw_graph(panel, graph)
    _, before, after = worked["together"]
    titles = [f"sigmoid units, t - o: {before:.4f} → {after:.4f}", *GRAPHS]
    for panel, title in zip(panels, titles, strict=True):
        panel.set_title(title, loc="left", fontsize=10, color=INK)
        panel.set_axis_off()
    save(picture, arguments.out, "backpropagation_by_hand.png")
    return {
        order: {"weights": step.weights, "before": before, "after": after}
        for order, (step, before, after) in worked.items()
    }


if __name__ == "__main__":
    main()
