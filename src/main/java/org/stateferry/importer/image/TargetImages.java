package org.stateferry.importer.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.PathText;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.image.TargetImage.Handover;
import org.stateferry.qcow2.NewImage;
import org.stateferry.source.DumpSource;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.storage.OpenImages.Locking;

/** Finds, opens or makes the image that an import works on. */
public final class TargetImages {
    private TargetImages() {}

    /**
     * The real path of the image that is asked for, whether it is there or not.
     *
     * @throws StateferryException of kind {@link FailureKind#IMAGE_MISSING} if there is no such image, or no folder to make
     *     it in
     */
    public static Path pathOf(ImportRequest request) throws StateferryException {
        if (request.newImage() == null || Files.exists(request.image())) {
            return OpenImages.realPath(request.image());
        }
        Path image = request.image().toAbsolutePath();
        try {
            // A name that is too long, or a folder that nobody may look into, is no name that is free.
            Files.readAttributes(image, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
            throw StateferryException.in(FailureKind.IMAGE_MISSING, image, "a symbolic link that leads nowhere")
                    .advise("Give the path of the file itself, or remove the link.");
        } catch (NoSuchFileException absent) {
            return realFolder(image).resolve(image.getFileName());
        } catch (StateferryException e) {
            throw e;
        } catch (IOException e) {
            throw cannotBeMade(image, e);
        }
    }

    private static Path realFolder(Path image) throws StateferryException {
        try {
            Path folder = Objects.requireNonNull(image.getParent(), "the path is absolute")
                    .toRealPath();
            if (!PathText.isText(folder)) {
                throw StateferryException.in(FailureKind.IMAGE_MISSING, folder, PathText.PROBLEM)
                        .advise(PathText.ADVICE);
            }
            return folder;
        } catch (StateferryException e) {
            throw e;
        } catch (NoSuchFileException e) {
            throw StateferryException.in(
                            FailureKind.IMAGE_MISSING, image, "the folder to make the image in does not exist")
                    .advise("Make the folder first.")
                    .causedBy(e);
        } catch (IOException e) {
            throw cannotBeMade(image, e);
        }
    }

    private static StateferryException cannotBeMade(Path image, IOException e) {
        return StateferryException.in(
                        FailureKind.IMAGE_MISSING, image, "the image cannot be made here: " + e.getMessage())
                .causedBy(e);
    }

    /**
     * Opens and locks the image, or the part of it that an earlier attempt has left, or makes one.
     *
     * @param path what {@link #pathOf} has found
     * @param dump what a new image must be able to map beside its disk, and who may read it
     * @param continuation asked about a part that holds more than an empty image
     * @param notice hears, in one line, why a part is made anew, or that one is left beside the image
     * @throws StateferryException as {@link OpenImages#openForUpdate}, {@link OpenImages#create}, and
     *     {@link #requireRoom}
     */
    static TargetImage open(
            ImportRequest request,
            Path path,
            DumpSource dump,
            FileAccess access,
            NewImageMaker.Continuation continuation,
            Consumer<String> notice)
            throws StateferryException {
        Locking locking = request.options().locking();
        NewImage wanted = request.newImage();
        Handover handover = wanted == null ? null : new Handover(wanted.rights(), dump.status());
        if (wanted == null || handover == null || Files.exists(path)) {
            return openPresent(request, path, access, handover, notice);
        }
        requireRoom(wanted, dump.streamLength().orElse(0)); // what is not known yet is looked at in the end
        return new NewImageMaker(path, wanted, locking, access, placeOf(request)).open(handover, continuation, notice);
    }

    /** Asks what is opened as the image, or the folder that it is made in, whether it lies where it must. */
    public static OpenImages.Condition placeOf(ImportRequest request) {
        return found -> request.roots().require(found, request.image());
    }

    /** Opens and locks an image that is there, and is not to be made. */
    static TargetImage openPresent(ImportRequest request, Path path, FileAccess access, Consumer<String> notice)
            throws StateferryException {
        return openPresent(request, path, access, null, notice);
    }

    private static TargetImage openPresent(
            ImportRequest request, Path path, FileAccess access, @Nullable Handover handover, Consumer<String> notice)
            throws StateferryException {
        OpenImage file = OpenImages.openForUpdate(path, request.options().locking(), placeOf(request));
        try {
            noticeLeftPart(file, notice);
        } catch (StateferryException e) {
            Resources.closeAfter(e, file);
            throw e;
        }
        return new TargetImage(path, file, access.names(), handover, false, false);
    }

    /** The journal that spoke of it is about to be begun anew: nobody but the operator would ever remove it. */
    private static void noticeLeftPart(OpenImage image, Consumer<String> notice) throws StateferryException {
        Path part = PartName.of(image.path());
        if (Files.isRegularFile(part, LinkOption.NOFOLLOW_LINKS) && !image.isAt(part)) {
            notice.accept(
                    PartName.leftOver(part) + " is not used, as the image is there; remove it if nobody wants it");
        }
    }

    /**
     * Refuses a new image whose clusters are too small for all that it has to map.
     *
     * @throws StateferryException of kind {@link FailureKind#USAGE}
     */
    public static void requireRoom(NewImage wanted, long vmStateSize) throws StateferryException {
        if (!wanted.hasRoomFor(vmStateSize)) {
            throw StateferryException.of(
                            FailureKind.USAGE,
                            "clusters of " + wanted.clusterSize() + " bytes are too small to map a disk of "
                                    + wanted.size() + " bytes and a vmstate of " + vmStateSize)
                    .advise("Give a larger --cluster-size.");
        }
    }
}
