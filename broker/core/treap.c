/* SPDX-License-Identifier: MIT
 *
 * Treap: see treap.h. Insertion splits the tree below the new node, removal joins the two subtrees
 * of the old one; both walk down once, without parents and without recursion. */
#include "broker/core/treap.h"

#include "broker/core/map.h"
#include "broker/core/task.h"
#include "common/check.h"

enum { TREAP_DEPTH_MAX = 256 }; /* expected about 2 log2 n */

static struct task *treap_task(const struct slab *tasks, uint32_t index) {
    return slab_at(tasks, index);
}

static uint64_t treap_key(const struct slab *tasks, uint32_t index) {
    return task_arrival(treap_task(tasks, index));
}

static uint64_t treap_rank(const struct slab *tasks, uint32_t index) {
    return map_hash(treap_key(tasks, index) + 1);
}

/* Splits `root` into what is below `key` and what is above. */
static void treap_split(const struct slab *tasks, uint32_t root, uint64_t key, uint32_t *below,
                        uint32_t *above) {
    while (root != 0) {
        struct task *task = treap_task(tasks, root);
        if (task_arrival(task) < key) {
            *below = root;
            below = &task->tree.right;
            root = task->tree.right;
        } else {
            *above = root;
            above = &task->tree.left;
            root = task->tree.left;
        }
    }
    *below = 0;
    *above = 0;
}

void treap_insert(const struct slab *tasks, uint32_t *root, uint32_t index) {
    struct task *task = treap_task(tasks, index);
    uint64_t key = task_arrival(task);
    uint64_t rank = treap_rank(tasks, index);
    while (*root != 0 && treap_rank(tasks, *root) < rank) {
        struct task *above = treap_task(tasks, *root);
        root = key < task_arrival(above) ? &above->tree.left : &above->tree.right;
    }
    treap_split(tasks, *root, key, &task->tree.left, &task->tree.right);
    *root = index;
}

void treap_remove(const struct slab *tasks, uint32_t *root, uint32_t index) {
    uint64_t key = treap_key(tasks, index);
    while (*root != index) {
        CHECK(*root != 0);
        struct task *above = treap_task(tasks, *root);
        root = key < task_arrival(above) ? &above->tree.left : &above->tree.right;
    }
    struct task *task = treap_task(tasks, index);
    uint32_t left = task->tree.left;
    uint32_t right = task->tree.right;
    task->tree.left = 0;
    task->tree.right = 0;
    while (left != 0 && right != 0) {
        if (treap_rank(tasks, left) < treap_rank(tasks, right)) {
            *root = left;
            root = &treap_task(tasks, left)->tree.right;
            left = *root;
        } else {
            *root = right;
            root = &treap_task(tasks, right)->tree.left;
            right = *root;
        }
    }
    *root = left != 0 ? left : right;
}

uint32_t treap_first(const struct slab *tasks, uint32_t root) {
    while (root != 0 && treap_task(tasks, root)->tree.left != 0) {
        root = treap_task(tasks, root)->tree.left;
    }
    return root;
}

bool treap_walk(const struct slab *tasks, uint32_t root, treap_visit *visit, void *context) {
    uint32_t path[TREAP_DEPTH_MAX];
    uint32_t depth = 0;
    while (root != 0 || depth > 0) {
        for (; root != 0; root = treap_task(tasks, root)->tree.left) {
            CHECK(depth < TREAP_DEPTH_MAX);
            path[depth++] = root;
        }
        root = path[--depth];
        if (!visit(context, root)) {
            return false;
        }
        root = treap_task(tasks, root)->tree.right;
    }
    return true;
}
