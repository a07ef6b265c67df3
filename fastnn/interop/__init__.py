"""fastnn inside other libraries: `fastnn.interop.sklearn`, estimators of scikit-learn's kind.

Each module is imported by its name alone, for it needs the other library.
"""
