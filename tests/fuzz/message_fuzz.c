/* SPDX-License-Identifier: MIT
 *
 * Every message reader, and every list to its last item: the first byte is the number of payload
 * frames, the rest is frame 0. */
#include "fuzz.h"

#include "wire_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    struct wire_message message = {.count = 1 + data[0] % WIRE_FRAMES_MAX};
    message.frames[0] = (struct span){data + 1, size - 1};
    for (size_t i = 1; i < message.count; i++) {
        message.frames[i] = span_of_text("frame");
    }
    uint64_t sum = 0;
    wire_walk(&message, &sum);
    return 0;
}
