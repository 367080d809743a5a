/* The letters are those of kernels/view.h. */
#include "harness/run/trace_words.h"

#include <string.h>

#define BOX "T,N,xyxy"

static const TraceWords table[] = {
    {.op = "add", .tail = "="},
    {.op = "attention",
     .x = {"N,Ds", "N,L,A", "N,L,D", "Ds,A", "A"},
     .y = {"N,D", "N,L", "N,A"},
     .name = {"glimpse", "alpha", "query"}},
    {.op = "attention_kl", .x = {"T,N,L", BOX, "L"}},
    {.op = "attention_mass", .x = {"T,N,L", BOX, "L"}},
    {.op = "batch_norm",
     .x = {NULL, "C", "C", "C", "C"},
     .y = {NULL, "C", "C"},
     .name = {NULL, "mean", "inv_std"},
     .tail = "="},
    {.op = "blstm",
     .x = {"N,L,D", "D,4H", "H,4H", "4H", "4H", "D,4H", "H,4H", "4H", "4H"},
     .y = {"N,L,2H", "2,N,L,4H", "2,N,L,H"},
     .name = {NULL, "gates", "cells"}},
    {.op = "conv2d", .x = {"N,H,W,C", "KH,KW,C,O", "O"}, .y = {"N,H,W,C"}},
    {.op = "cross_entropy", .x = {"T,N,K", "T,N"}, .y = {NULL, "T,N"}, .name = {NULL, "log_z"}},
    {.op = "embedding", .x = {NULL, "V,E"}, .tail = "+E"},
    {.op = "exp", .tail = "="},
    {.op = "linear", .x = {NULL, "D,O", "O", NULL, "D,O"}, .tail = "O"},
    {.op = "log", .tail = "="},
    {.op = "log_softmax", .tail = "="},
    {.op = "lstm_step",
     .x = {"N,D", "N,D", "N,H", "N,H", "D,4H", "4H", "4H"},
     .y = {"N,H", "N,H", "N,4H"},
     .name = {"state", "cell", "gates"}},
    {.op = "max_pool", .x = {"N,H,W,C"}, .y = {"N,H,W,C", "N,H,W,C"}, .name = {NULL, "index"}},
    {.op = "mul", .tail = "="},
    {.op = "patch_crop",
     .x = {"N,H,W,C", "N,H,W", BOX, "T,N", "T,N"},
     .y = {"T,N,P,C", "T,N,P"},
     .name = {"pixels", "label"}},
    {.op = "patch_nll",
     .x = {"N,H,W", BOX, "T,N", "T,N", "T,N,D", "D,K", "C,K", "K", NULL, "N,H,W,C", "N,H,W,C"},
     .y = {NULL, "T,N,K", "C,K", "N,H,W,C"},
     .name = {NULL, "du", "dw_pixel", "dmap"}},
    {.op = "relu", .tail = "="},
    {.op = "scale", .tail = "="},
    {.op = "stop_gradient", .tail = "="},
    {.op = "tanh", .tail = "="},
};

const TraceWords *trace_words(const char *op) {
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].op, op) == 0) return &table[i];
    return NULL;
}
