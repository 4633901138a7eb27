package org.stateferry;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.RandomAccessFile;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Holds the packages to the order in which they may use each other. Packages without code yet break no rule. */
class PackageDependencyTest {
    private static final String ROOT = "org.stateferry";

    private static final JavaClasses PRODUCTION = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages(ROOT);

    /** Every package, lowest first, with the packages of ours that it may use; it may also use what those may use. */
    private enum Layer {
        ERROR("error"),
        BYTES("bytes", ERROR),
        HOST("host"),
        STORAGE("storage", BYTES, HOST),
        QCOW2_FORMAT("qcow2.format", BYTES),
        QCOW2("qcow2", QCOW2_FORMAT, STORAGE),
        STREAM("stream", BYTES),
        SOURCE("source", STREAM, HOST),
        TRANSFER("transfer", STORAGE),
        BATCH("batch", QCOW2, SOURCE, TRANSFER),
        SERVICE("service", BATCH),
        CLI("cli", SERVICE);

        private final String packageName;
        private final List<Layer> mayUse;

        Layer(String packageName, Layer... mayUse) {
            this.packageName = ROOT + "." + packageName;
            this.mayUse = List.of(mayUse);
        }

        /** The names of this package and of all that it may use. */
        String[] reach() {
            return withUsed().map(layer -> layer.packageName).distinct().toArray(String[]::new);
        }

        private Stream<Layer> withUsed() {
            return Stream.concat(Stream.of(this), mayUse.stream().flatMap(Layer::withUsed));
        }

        static String[] all() {
            return names(layer -> true);
        }

        static String[] below(Layer upper) {
            return names(layer -> layer.compareTo(upper) < 0);
        }

        static String[] above(Layer lower) {
            return names(layer -> layer.compareTo(lower) > 0);
        }

        private static String[] names(Predicate<Layer> wanted) {
            return Arrays.stream(values())
                    .filter(wanted)
                    .map(layer -> layer.packageName)
                    .toArray(String[]::new);
        }
    }

    @ParameterizedTest
    @EnumSource(Layer.class)
    void aPackageUsesOnlyThePackagesItMay(Layer layer) {
        classes()
                .that()
                .resideInAPackage(layer.packageName)
                .should()
                .onlyDependOnClassesThat(not(resideInAPackage(ROOT + "..")).or(resideInAnyPackage(layer.reach())))
                .allowEmptyShould(true)
                .check(PRODUCTION);
    }

    @Test
    void everyClassIsInAPackageWithARule() {
        classes().should().resideInAnyPackage(Layer.all()).check(PRODUCTION);
    }

    /** Every class is in one of the packages, and these are in one order, so there is no circle either. */
    @ParameterizedTest
    @EnumSource(Layer.class)
    void aPackageUsesNoneOfThoseAboveIt(Layer layer) {
        noClasses()
                .that()
                .resideInAPackage(layer.packageName)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(Layer.above(layer))
                .allowEmptyShould(true)
                .check(PRODUCTION);
    }

    @Test
    void errorsKnowOnlyTheJdk() {
        classes()
                .that()
                .resideInAPackage(Layer.ERROR.packageName)
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(Layer.ERROR.packageName, "java..", "org.jspecify.annotations")
                .check(PRODUCTION);
    }

    @Test
    void noFrameworkIsUsedBelowTheBatchPackage() {
        noClasses()
                .that()
                .resideInAnyPackage(Layer.below(Layer.BATCH))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.springframework..", "jakarta..", "io.micrometer..")
                .check(PRODUCTION);
    }

    /**
     * Closing any descriptor of a file drops the locks that the process holds on it, so whoever opens an image on the side
     * unlocks it. Channels are opened where images, dumps, journals and the repository's owner file are at home; the other
     * doors to a descriptor that is read or written at will are shut everywhere.
     */
    @Test
    void fileChannelsAreOpenedInFewPackages() {
        noClasses()
                .that()
                .resideOutsideOfPackages(
                        Layer.STORAGE.packageName,
                        Layer.SOURCE.packageName,
                        Layer.TRANSFER.packageName,
                        Layer.BATCH.packageName)
                .should()
                .callMethodWhere(calls(FileChannel.class, "open"))
                .check(PRODUCTION);
        noClasses()
                .should()
                .dependOnClassesThat()
                .belongToAnyOf(
                        RandomAccessFile.class,
                        FileInputStream.class,
                        FileOutputStream.class,
                        AsynchronousFileChannel.class)
                .orShould()
                .callMethodWhere(calls(Files.class, "newByteChannel"))
                .check(PRODUCTION);
    }

    private static DescribedPredicate<JavaMethodCall> calls(Class<?> owner, String method) {
        return DescribedPredicate.describe(
                "calls " + owner.getSimpleName() + "." + method,
                call -> call.getTargetOwner().isEquivalentTo(owner)
                        && call.getName().equals(method));
    }
}
