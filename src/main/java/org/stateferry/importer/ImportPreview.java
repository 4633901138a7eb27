package org.stateferry.importer;

import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.stateferry.stream.StreamFacts;

/**
 * What an import would do, found out without changing anything.
 *
 * @param alreadyImported whether the image holds this vmstate under this name already, and every other disk its snapshot
 * @param lacksName whether the image, which the import was to make, holds this vmstate and lacks nothing but its name
 * @param vmStateSize bytes of vmstate; empty if only reading all of the dump tells
 * @param growth bytes by which the images may grow at most, all together, or without a vmstate of unknown size at least
 * @param usableSpace bytes that the image's file system has, with those that an unfinished new image takes by now
 * @param facts what the stream says about its machine, or null for an opaque dump
 * @param warnings what the operator was warned about
 */
public record ImportPreview(
        boolean alreadyImported,
        boolean lacksName,
        OptionalLong vmStateSize,
        long growth,
        long usableSpace,
        @Nullable StreamFacts facts,
        List<String> warnings) {}
