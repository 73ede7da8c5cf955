/* SPDX-License-Identifier: MIT
 *
 * Values from anywhere, read by any picture: the first byte is the picture's length, then the
 * picture, then MessagePack. Each argument is a place of its own to write to; as a key it is a
 * text. */
#include "fuzz.h"

#include "common/picture.h"
#include "common/value.h"

#include <string.h>

enum { PLACES = 24, PICTURE_MAX = 64, ITEMS_MAX = 50 };

struct place {
    uint64_t words[2];
};

/* How many places the letter takes; -1: a real number as a key would come from elsewhere. */
static int letter_places(char letter, bool may_be_key) {
    if (letter == 'd' && may_be_key) {
        return -1;
    }
    if (letter == 'S' || letter == 'y') {
        return 2;
    }
    return strchr("iudbsv", letter) != NULL ? 1 : 0;
}

/* False: the picture needs more places than there are. `values`: where a value will be written. */
static bool places_of(const char *picture, bool values[PLACES]) {
    bool has_map = strchr(picture, '{') != NULL;
    int used = 0;
    const char *at = picture;
    for (char letter = picture_next(&at); letter != '\0'; letter = picture_next(&at)) {
        int places = letter_places(letter, has_map);
        if (places < 0 || used + places > PLACES) {
            return false;
        }
        if (letter == 'v') {
            values[used] = true;
        }
        used += places;
    }
    return true;
}

#define P4(p, i) &p[i], &p[i + 1], &p[i + 2], &p[i + 3]
#define ALL_PLACES(p) P4(p, 0), P4(p, 4), P4(p, 8), P4(p, 12), P4(p, 16), P4(p, 20)

static void read_by(const wherry_value *value, const char *picture) {
    struct place places[PLACES] = {0};
    bool values[PLACES] = {false};
    if (!places_of(picture, values)) {
        return;
    }
    wherry_err err = wherry_value_read(value, picture, ALL_PLACES(places));
    CHECK(err == WHERRY_OK || err == WHERRY_E_TYPE || err == WHERRY_E_INVALID);
    for (int i = 0; i < PLACES; i++) {
        wherry_value *made = NULL;
        memcpy(&made, &places[i], sizeof made);
        CHECK(err == WHERRY_OK || (places[i].words[0] == 0 && places[i].words[1] == 0));
        if (err == WHERRY_OK && values[i]) {
            CHECK(made != NULL);
            wherry_value_release(&made);
        }
    }
}

static void take_items(const wherry_value *value) {
    size_t count = wherry_value_count(value);
    for (size_t i = 0; i < count && i < ITEMS_MAX; i++) {
        wherry_value *item = NULL;
        wherry_err err = wherry_value_at(value, i, &item);
        CHECK(err == (wherry_value_kind(value) == WHERRY_LIST ? WHERRY_OK : WHERRY_E_TYPE));
        wherry_value_release(&item);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char picture[PICTURE_MAX + 1];
    if (size < 1 || data[0] > PICTURE_MAX || data[0] > size - 1) {
        return 0;
    }
    memcpy(picture, data + 1, data[0]);
    picture[data[0]] = '\0';
    wherry_value *value = NULL;
    if (wherry_value_from_msgpack(&value, data + 1 + data[0], size - 1 - data[0]) != WHERRY_OK) {
        return 0;
    }
    take_items(value);
    read_by(value, picture);
    read_by(value, "s");
    wherry_value_release(&value);
    return 0;
}
