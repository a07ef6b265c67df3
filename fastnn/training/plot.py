"""`plot_history`: loss and metrics over the epochs, as a picture."""

INK = "#2b2f33"  # texts
TITLE = {"x": 0.01, "ha": "left", "fontsize": 12, "fontweight": "bold", "color": INK}
_TRAIN, _VALIDATION, _GRID = "#9aa5b1", "#1565c0", "#e4e7ea"


def new_figure(op, figsize, *, dpi=144, title=None):
    """An empty matplotlib Figure, drawn off screen: without pyplot, so that figures of the caller
    are left alone. Raises ImportError naming `op` and the extra where matplotlib is missing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(f"{op} needs matplotlib: pip install 'fastnn[plot]'") from None
    figure = Figure(figsize=figsize, dpi=dpi, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title, **TITLE)
    return figure


def plot_history(history, path, *, title=None, kept=None, dpi=144):
    """Draw loss and accuracy (or the first metric) for training and validation data to `path`.

    history: what `fit` returned. The file's ending chooses the format (png, svg, pdf).
    kept: the (1-based) epoch whose parameters were kept, marked in both; None marks the best of
    each. Draws off screen. Raises ImportError naming the extra where matplotlib is missing.
    """
    if not history.get("loss"):
        raise ValueError("plot_history: the history is empty")
    names = [n for n in history if n != "lr" and not n.startswith("val_")]
    names = ["loss", *[n for n in names if n != "loss"][:1]]
    figure = new_figure("plot_history", (4.6 * len(names), 3.6), dpi=dpi, title=title)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        _panel(axes, history, name, kept)
    figure.savefig(path, facecolor="white")


def _panel(axes, history, name, kept):
    """One quantity: training in grey, validation in blue with one epoch marked."""
    from matplotlib.ticker import (
        FuncFormatter,
        LogLocator,
        MaxNLocator,
        NullLocator,
        PercentFormatter,
    )

    values, validation = history[name], history.get(f"val_{name}")
    epochs = range(1, len(values) + 1)
    dots = {"marker": "o", "markersize": 4} if len(values) < 3 else {}
    axes.plot(epochs, values, color=_TRAIN, linewidth=1.8, label="training", **dots)
    if validation:
        axes.plot(epochs, validation, color=_VALIDATION, linewidth=2.2, label="validation", **dots)
        epoch = kept or history.best_epoch(f"val_{name}") + 1
        value = validation[epoch - 1]
        text = f"{value:.2%}" if "acc" in name else f"{value:.4f}"
        axes.plot(epoch, value, "o", color=_VALIDATION, markersize=7, markeredgecolor="white",
                  markeredgewidth=1.5, zorder=5,
                  label=f"{text} ({'kept' if kept else 'best'}: epoch {epoch})")  # fmt: skip

    shown = [v for v in (*values, *(validation or ())) if v == v]
    rises = "acc" in name
    if rises:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        settled = len(values) // 10  # the first steep climb would flatten all the rest
        low = min([v for v in (*values[settled:], *(validation or ())[settled:]) if v == v])
        high = max(shown)
        axes.set_ylim(low - 0.05 * (high - low) - 1e-3, high + 0.05 * (high - low) + 1e-3)
    elif min(shown) > 0 and max(shown) > 8 * min(shown):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.set_title(name.replace("_", " "), loc="left", fontsize=11, color=INK)
    axes.set_xlim(0.5, len(values) + 0.5)
    axes.set_xlabel("epoch", color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_TRAIN)
    axes.tick_params(length=0, colors=INK, labelsize=9)
    axes.legend(frameon=False, fontsize=9, labelcolor=INK,
                loc="lower right" if rises else "upper right")  # fmt: skip
