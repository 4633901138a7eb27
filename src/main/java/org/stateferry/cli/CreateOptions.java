package org.stateferry.cli;

import org.jspecify.annotations.Nullable;
import org.stateferry.qcow2.NewImage;
import org.stateferry.storage.ImageRights;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options for an image that the import creates. */
final class CreateOptions {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = "--create",
            paramLabel = "SIZE",
            converter = ArgumentConverter.Size.class,
            description = "Make IMAGE, which must not exist, with an empty disk of this size, for example 10G or 0; it"
                    + " appears when it is complete. See below for what QEMU does with it.")
    private @Nullable Long size;

    @Option(
            names = "--cluster-size",
            paramLabel = "N",
            converter = ArgumentConverter.Size.class,
            description = "Cluster size of an image that is made, 512 to 2M. Default: 64K.")
    private @Nullable Long clusterSize;

    @Option(
            names = "--mode",
            paramLabel = "MODE",
            converter = ArgumentConverter.Mode.class,
            description =
                    "Permissions of an image that is made, for example 0640. Default: those of DUMP that the umask"
                            + " leaves.")
    private @Nullable Integer mode;

    @Option(
            names = "--owner",
            paramLabel = "USER[:GROUP]",
            converter = ArgumentConverter.Owner.class,
            description = "Owner of an image that is made, by name or number. Default: the user who runs the command.")
    private @Nullable String owner;

    /** What the image is to be like, or null if it must exist. */
    @Nullable
    NewImage newImage() {
        if (size == null) {
            requireAbsent("--cluster-size", clusterSize);
            requireAbsent("--mode", mode);
            requireAbsent("--owner", owner);
            return null;
        }
        try {
            return NewImage.of(
                    size,
                    clusterSize == null ? NewImage.DEFAULT_CLUSTER_SIZE : clusterSize,
                    new ImageRights(mode, owner));
        } catch (IllegalArgumentException e) {
            throw new ParameterException(command.commandLine(), "--create: " + e.getMessage());
        }
    }

    private void requireAbsent(String option, @Nullable Object value) {
        if (value != null) {
            throw new ParameterException(command.commandLine(), option + " is of use only with --create");
        }
    }
}
