/* flip FILE.h5 DATASET INDEX: flips the last bit of one element of a dataset of floats or doubles. For verify.sh. */
#include <hdf5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int flip(hid_t set, hid_t type, size_t at) {
    const hid_t space = H5Dget_space(set);
    const size_t n = (size_t)H5Sget_simple_extent_npoints(space), size = H5Tget_size(type);
    unsigned char *bytes = calloc(n, size);
    if (bytes == NULL || at >= n || H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) < 0) return 1;
    bytes[at * size] ^= 1; /* little-endian */
    return H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) < 0;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    const hid_t file = H5Fopen(argv[1], H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t set = file < 0 ? -1 : H5Dopen2(file, argv[2], H5P_DEFAULT);
    if (set < 0) return 1;
    const int failed = flip(set, H5Dget_type(set), (size_t)atol(argv[3]));
    return H5Dclose(set) < 0 || H5Fclose(file) < 0 || failed;
}
