#include "kernels/patch.h"

#include "kernels/infer.h"

/* Feature maps of padded layers may be up to one element longer or shorter than the image divided by the stride. */
static bool fits(int64_t mask, int64_t image, int64_t stride) {
    return mask > (image - 2) * stride && mask <= (image + 1) * stride;
}

Err patch_infer(const OpSpec *spec, const PatchCropAttr *attr, PatchInputs in) {
    Err err = ERR_OK;
    const Shape *image = &spec->x[in.image], *mask = &spec->x[in.mask], *box = &spec->x[in.box];
    char image_text[96], mask_text[96];
    FAIL_IF(attr->height < 1 || attr->width < 1, ERR_SHAPE, "the patch is %d x %d, expected at least 1 x 1",
            (int)attr->height, (int)attr->width);
    FAIL_IF(attr->stride_y < 1 || attr->stride_x < 1, ERR_SHAPE, "the stride is %d x %d, expected at least 1 x 1",
            (int)attr->stride_y, (int)attr->stride_x);
    TRY(infer_rank(spec, in.image, "image", DT_REAL, 4));
    TRY(infer_rank(spec, in.mask, "mask", DT_INT, 3));
    FAIL_IF(mask->dim[0] != image->dim[0] || !fits(mask->dim[1], image->dim[1], attr->stride_y) ||
                !fits(mask->dim[2], image->dim[2], attr->stride_x),
            ERR_SHAPE, "mask %s does not cover image %s at stride %d x %d",
            shape_text(mask, mask_text, sizeof mask_text), shape_text(image, image_text, sizeof image_text),
            (int)attr->stride_y, (int)attr->stride_x);
    TRY(infer_rank(spec, in.box, "box", DT_REAL, 3));
    TRY(infer_shape(spec, in.box, "box", DT_REAL, SHAPE3(box->dim[0], image->dim[0], 4)));
    TRY(infer_shape(spec, in.centre_x, "centre_x", DT_REAL, SHAPE2(box->dim[0], image->dim[0])));
    TRY(infer_shape(spec, in.centre_y, "centre_y", DT_REAL, SHAPE2(box->dim[0], image->dim[0])));
done:
    return err;
}

PatchSize patch_size(const OpSpec *spec, const PatchCropAttr *attr, PatchInputs in) {
    const Shape *image = &spec->x[in.image], *mask = &spec->x[in.mask];
    return (PatchSize){.t = spec->x[in.box].dim[0],
                       .n = image->dim[0],
                       .h = image->dim[1],
                       .w = image->dim[2],
                       .c = image->dim[3],
                       .mask_h = mask->dim[1],
                       .mask_w = mask->dim[2],
                       .patch_h = attr->height,
                       .patch_w = attr->width};
}
