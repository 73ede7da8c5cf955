/* SPDX-License-Identifier: MIT
 *
 * The program wherry-worker: a worker without functions of its own. Everything is in the library,
 * so that a program that links it is a worker just as whole. */
#include "worker/include/wherry_worker.h"

int main(int argc, char **argv) {
    return wherry_worker_main(argc, argv, NULL);
}
