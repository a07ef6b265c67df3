/* Corrections of sums that infinities pass through. */
#ifndef FASTNN_FINITE_H
#define FASTNN_FINITE_H

/* x, or 0 for infinities and NaN. What corrects the rounding of a sum must not make NaN of its
 * infinity; its own NaN the sum has anyway. */
static inline double finite_or_zero(double x) { return x - x == 0 ? x : 0; }

#endif
