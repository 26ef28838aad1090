"""What a person sees of a model: callbacks for TensorBoard, pictures, plots."""
