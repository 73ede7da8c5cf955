/* SPDX-License-Identifier: MIT
 *
 * What the benchmark reads from the kernel about processes, and how it sums up samples. */
#ifndef CLI_MEASURE_H
#define CLI_MEASURE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* User and system time in microseconds: this process; a process and all its descendants (those that
 * ended are not seen). 0 if unreadable. */
int64_t cpu_self_us(void);
int64_t cpu_tree_us(pid_t root);

/* Resident memory in bytes, 0 if unreadable. */
int64_t memory_bytes(pid_t pid);

/* Sorts, then the sample below which `percent` of them lie; 0 without samples. */
void samples_sort(double *samples, size_t count);
double samples_percentile(const double *sorted, size_t count, double percent);

#endif
